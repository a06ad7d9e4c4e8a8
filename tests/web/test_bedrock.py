"""One file for two models of Bedrock, through the whole gateway."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.dialects.sse import SseDecoder
from managed_files.sandbox import BedrockSandbox, Fault
from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET
from tests.gateway import CONTENT, Bench, StandIns, file_part, settings_for
from tests.openai_schema import assert_valid

DIGEST = hashlib.sha256(CONTENT).hexdigest()
NOVA, CLAUDE = "nova", "claude-on-bedrock"
MODELS = {NOVA: "us.amazon.nova-lite-v1:0", CLAUDE: "anthropic.claude-sonnet-4-5-20250929-v1:0"}


@pytest.fixture
def amazon() -> Iterator[BedrockSandbox]:
    with BedrockSandbox() as server:
        yield server


@pytest.fixture
def bench(url: str, stand_ins: StandIns, amazon: BedrockSandbox) -> Iterator[Bench]:
    known = {
        "aws_region_name": amazon.region,
        "aws_access_key_id": DEFAULT_KEY,
        "aws_secret_access_key": DEFAULT_SECRET,
        "aws_bedrock_runtime_endpoint": amazon.url,
        "s3_bucket_name": amazon.bucket,
        "s3_endpoint_url": amazon.url,
    }
    entries: list[dict[str, Any]] = [
        {"model_name": name, "litellm_params": {"model": f"bedrock/{model}", **known}} for name, model in MODELS.items()
    ]
    bench = Bench(settings_for(url, stand_ins, entries), stand_ins)
    yield bench
    bench.close()


def test_a_file_goes_up_once_and_is_read_in_s3(bench: Bench, amazon: BedrockSandbox) -> None:
    answer = bench.chat(NOVA, file_part(bench.stored(f"{NOVA}, {CLAUDE}"))).json

    assert_valid("CreateChatCompletionResponse", answer)
    assert (DIGEST in str(answer), len(amazon.objects)) == (True, 1)


def test_a_stream_says_what_the_answer_says(bench: Bench) -> None:
    part = file_part(bench.stored(NOVA))
    whole = bench.chat(NOVA, part).get_json()
    *events, done = SseDecoder().feed(bench.chat(NOVA, part, stream=True).data)

    said = "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)
    assert (said, done) == (whole["choices"][0]["message"]["content"], b"[DONE]")


def test_a_stream_that_breaks_ends_with_an_error(bench: Bench) -> None:
    *_, last = SseDecoder().feed(bench.chat(NOVA, {"type": "text", "text": "BREAK_THE_STREAM"}, stream=True).data)

    assert json.loads(last)["error"]["code"] == "modelStreamErrorException"


def test_a_model_that_does_not_read_s3_says_so(bench: Bench, amazon: BedrockSandbox) -> None:
    answer = bench.chat(CLAUDE, file_part(bench.stored(CLAUDE)))

    chats = [one.path for one in amazon.requests if one.path.startswith("/model/")]
    assert (answer.status_code, answer.get_json()["error"]["type"], chats) == (400, "invalid_request_error", [])


def test_content_comes_back_and_a_delete_removes_it(bench: Bench, amazon: BedrockSandbox) -> None:
    file_id = bench.stored(NOVA)
    content = bench.call("GET", f"/files/{file_id}/content").data
    bench.call("DELETE", f"/files/{file_id}")

    assert (content, amazon.state()) == (CONTENT, {"objects": [], "unfinished": []})


def test_throttling_reaches_the_client_as_a_429(bench: Bench, amazon: BedrockSandbox) -> None:
    amazon.inject(Fault("POST", "/model/", status=429, times=None))

    answer = bench.chat(NOVA, {"type": "text", "text": "Hi"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (429, "ThrottlingException")
