"""One file for Mistral and for OpenAI-compatible servers, through the whole gateway."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from managed_files.dialects.sse import SseDecoder
from managed_files.ids import new_file_id
from managed_files.sandbox import CompatibleSandbox, Fault, MistralSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY
from managed_files.sandbox.mistral import DEFAULT_KEY as MISTRAL_KEY
from tests.gateway import CONTENT, TEXT, Bench, StandIns, file_part, settings_for
from tests.openai_schema import assert_valid

DIGEST = hashlib.sha256(CONTENT).hexdigest()
MISTRAL, THINKER, PROXY, LIKE, GROQ = "mistral", "magistral", "proxy", "like", "groq"
STORING = f"{MISTRAL}, {PROXY}, {LIKE}"


class Others:
    """The stand-ins, by provider."""

    def __init__(self, stack: ExitStack):
        self.mistral = stack.enter_context(MistralSandbox())
        names = ("litellm_proxy", "openai_like", "groq")
        self.proxy, self.like, self.groq = (stack.enter_context(CompatibleSandbox(name)) for name in names)

    def entries(self) -> list[dict[str, Any]]:
        mistral = {"api_base": f"{self.mistral.url}/v1", "api_key": MISTRAL_KEY}
        return [
            _entry(MISTRAL, "mistral/mistral-small-latest", **mistral),
            _entry(THINKER, "mistral/magistral-medium-latest", **mistral),
            *(
                _entry(name, f"{provider}/some-model", api_base=server.url + server.flavour.base, api_key=DEFAULT_KEY)
                for name, provider, server in (
                    (PROXY, "litellm_proxy", self.proxy),
                    (LIKE, "openai_like", self.like),
                    (GROQ, "groq", self.groq),
                )
            ),
        ]


def _entry(name: str, model: str, **params: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, **params}}


@pytest.fixture
def others() -> Iterator[Others]:
    with ExitStack() as stack:
        yield Others(stack)


@pytest.fixture
def bench(url: str, stand_ins: StandIns, others: Others) -> Iterator[Bench]:
    bench = Bench(settings_for(url, stand_ins, others.entries()), stand_ins)
    yield bench
    bench.close()


@pytest.mark.parametrize("model", [MISTRAL, THINKER, PROXY, LIKE])
def test_every_model_reads_the_one_file(bench: Bench, model: str) -> None:
    answer = bench.chat(model, file_part(bench.stored(STORING))).json

    assert_valid("CreateChatCompletionResponse", answer)
    assert DIGEST in str(answer)


@pytest.mark.parametrize("model", [MISTRAL, THINKER, PROXY, LIKE])
def test_a_stream_says_what_the_answer_says(bench: Bench, model: str) -> None:
    part = file_part(bench.stored(STORING))
    whole = bench.chat(model, part).get_json()
    *events, done = SseDecoder().feed(bench.chat(model, part, stream=True).data)

    said = "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)
    assert (said, done) == (whole["choices"][0]["message"]["content"], b"[DONE]")


def test_mistral_receives_its_own_flat_chunk(bench: Bench, others: Others) -> None:
    bench.chat(MISTRAL, file_part(bench.stored(STORING)), seed=7)

    assert others.mistral.requests[-1].json() == {
        "model": "mistral-small-latest",
        "messages": [
            {"role": "user", "content": [TEXT, {"type": "file", "file_id": next(iter(others.mistral.files))}]}
        ],
        "random_seed": 7,
    }


def test_a_deleted_file_is_gone_everywhere(bench: Bench, others: Others) -> None:
    file_id = bench.stored(STORING)
    bench.call("DELETE", f"/files/{file_id}")

    assert [len(server.files) for server in (others.mistral, others.proxy, others.like)] == [0, 0, 0]


def test_mistral_gives_the_bytes_back(bench: Bench) -> None:
    assert bench.call("GET", f"/files/{bench.stored(MISTRAL)}/content").data == CONTENT


def test_an_id_of_another_gateway_of_this_kind_is_forwarded(bench: Bench, others: Others) -> None:
    theirs = new_file_id()
    others.proxy.inject(Fault("POST", "/files$", status=200, body={"id": theirs, "object": "file"}))
    bench.chat(PROXY, file_part(bench.stored(PROXY)))

    assert others.proxy.requests[-1].json()["messages"][0]["content"][1] == file_part(theirs)


def test_a_target_that_stores_no_files_is_refused(bench: Bench, others: Others) -> None:
    answer = bench.upload(f"{GROQ}, {MISTRAL}")

    told = "served by groq, which stores no files for chat" in answer.text
    assert (answer.status_code, told, list(others.groq.requests), others.mistral.files) == (400, True, [], {})


def test_the_rest_of_chat_works_there(bench: Bench) -> None:
    answer = bench.chat(GROQ, max_completion_tokens=2).get_json()

    assert answer["choices"][0]["finish_reason"] == "length"
