"""Amazon's stand-in for Bedrock and STS, driven by Amazon's own client: Converse, roles, signatures."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from managed_files.sandbox.bedrock import BedrockSandbox
from tests.aws_client import client, refusal
from tests.converse_model import assert_answer

Json = dict[str, Any]
NOVA, CLAUDE = "us.amazon.nova-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hi there"}]}]


@pytest.fixture(scope="module")
def running() -> Iterator[BedrockSandbox]:
    with BedrockSandbox(buckets=("bucket", "second")) as server:
        yield server


@pytest.fixture
def sandbox(running: BedrockSandbox) -> BedrockSandbox:
    running.reset()
    return running


@pytest.fixture
def s3(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "s3")
    yield made
    made.close()


@pytest.fixture
def models(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "bedrock-runtime")
    yield made
    made.close()


# Converse


def test_a_whole_answer(models: Any) -> None:
    told = models.converse(modelId=NOVA, messages=HELLO)
    answer = {name: value for name, value in told.items() if name != "ResponseMetadata"}
    assert_answer(answer)

    assert answer["output"]["message"]["content"] == [{"text": "You said: Hi there"}]


def test_a_streamed_answer(models: Any) -> None:
    told = list(models.converse_stream(modelId=NOVA, messages=HELLO)["stream"])

    words = [item["contentBlockDelta"]["delta"]["text"] for item in told if "contentBlockDelta" in item]
    assert (words, [next(iter(item)) for item in told][-2:]) == (
        ["You", " said:", " Hi", " there"],
        ["messageStop", "metadata"],
    )


def test_a_file_by_its_address(s3: Any, models: Any) -> None:
    s3.put_object(Bucket="bucket", Key="id/a.pdf", Body=b"%PDF-1.7 hello")
    source = {"s3Location": {"uri": "s3://bucket/id/a.pdf"}}
    content = [{"text": "What is it?"}, {"document": {"format": "pdf", "name": "a", "source": source}}]

    said = models.converse(modelId=NOVA, messages=[{"role": "user", "content": content}])
    assert "a: document/pdf, 14 bytes, sha256" in said["output"]["message"]["content"][0]["text"]


def document(uri: str = "s3://bucket/none", name: str = "a") -> Json:
    return {"document": {"format": "pdf", "name": name, "source": {"s3Location": {"uri": uri}}}}


def calling() -> list[Json]:
    return [*HELLO, {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}]}]


@pytest.mark.parametrize(
    ("model", "messages", "words"),
    [
        ("no.such-model", HELLO, "model identifier"),
        (NOVA, [], "start with a user"),
        (NOVA, [*HELLO, *HELLO], "alternate"),
        (NOVA, [{"role": "assistant", "content": [{"text": "a"}]}], "start with a user"),
        (NOVA, [{"role": "user", "content": [{"text": " "}]}], "blank"),
        (NOVA, [{"role": "user", "content": [document()]}], "text block is required"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document()]}], "could not be found"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document(name="a.pdf")]}], "alphanumeric"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document(), document()]}], "have to differ"),
        (CLAUDE, [{"role": "user", "content": [{"text": "a"}, document()]}], "doesn't support S3"),
        (NOVA, [*calling(), *HELLO], "toolResult"),
    ],
    ids=str,
)
def test_what_converse_refuses(models: Any, model: str, messages: list[Json], words: str) -> None:
    with pytest.raises(ClientError) as caught:
        models.converse(modelId=model, messages=messages)

    error = caught.value.response["Error"]
    assert (error["Code"], words in error["Message"]) == ("ValidationException", True)


def test_a_newer_claude_takes_no_budget_for_its_thoughts(models: Any) -> None:
    def asked(thinking: Json) -> Json:
        extra = {"thinking": thinking}
        return {"modelId": "anthropic.claude-opus-4-8", "messages": HELLO, "additionalModelRequestFields": extra}

    told = refusal(models.converse, **asked({"type": "enabled", "budget_tokens": 1024}))
    assert (told, models.converse(**asked({"type": "adaptive"}))["stopReason"]) == (
        (400, "ValidationException"),
        "end_turn",
    )


def test_an_older_claude_goes_on_from_its_thoughts(models: Any) -> None:
    answered = {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "4"}]}}]}
    tools = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}
    extra = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    asked = {"modelId": CLAUDE, "messages": [*calling(), answered], "toolConfig": tools}

    told = refusal(models.converse, **asked, additionalModelRequestFields=extra)
    assert (told, models.converse(**asked)["stopReason"]) == ((400, "ValidationException"), "end_turn")


def test_somebody_elses_object(models: Any) -> None:
    content = [{"text": "a"}, document("s3://somebody-elses-bucket/k")]

    told = refusal(models.converse, modelId=NOVA, messages=[{"role": "user", "content": content}])
    assert told == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": HELLO, "n": 2}, "does not know the key n"),
        ({"messages": HELLO, "inferenceConfig": {"maxTokens": 0}}, "outside of its limits"),
        ({"messages": HELLO, "inferenceConfig": {"maxTokens": True}}, "has to be a integer"),
        ({"messages": [{"role": "robot", "content": []}]}, "has to be one of"),
        (
            {"messages": [{"role": "user", "content": [{"text": "a", "cachePoint": {"type": "default"}}]}]},
            "exactly one",
        ),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "?"}}}]}]},
            "base64",
        ),
        ({"messages": [{"content": []}]}, "lacks the key role"),
        ({"messages": {}}, "has to be an array"),
        ([], "has to be an object"),
    ],
    ids=str,
)
def test_a_shape_that_the_service_model_does_not_know(sandbox: BedrockSandbox, body: Any, words: str) -> None:
    headers = {"Authorization": f"Bearer {next(iter(sandbox.api_keys))}"}

    answer = requests.post(f"{sandbox.url}/model/{NOVA}/converse", json=body, headers=headers, timeout=10)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)


# roles


def test_a_role_gives_keys_that_work(sandbox: BedrockSandbox) -> None:
    sts = client(sandbox, "sts")
    granted = sts.assume_role(RoleArn=sandbox.role, RoleSessionName="test")["Credentials"]
    keys = {
        "aws_access_key_id": granted["AccessKeyId"],
        "aws_secret_access_key": granted["SecretAccessKey"],
        "aws_session_token": granted["SessionToken"],
    }
    s3 = client(sandbox, "s3", **keys)
    s3.put_object(Bucket="bucket", Key="k", Body=b"a")
    s3.close()
    sts.close()

    assert list(sandbox.objects) == ["s3://bucket/k"]


def test_somebody_elses_role(sandbox: BedrockSandbox) -> None:
    sts = client(sandbox, "sts")

    told = refusal(sts.assume_role, RoleArn="arn:aws:iam::123456789012:role/other", RoleSessionName="test")
    sts.close()
    assert told == (403, "AccessDenied")


def test_no_signature_at_all(sandbox: BedrockSandbox) -> None:
    statuses = [requests.get(f"{sandbox.url}/bucket/k", timeout=10).status_code]
    statuses.append(requests.post(f"{sandbox.url}/model/{NOVA}/converse", json={}, timeout=10).status_code)

    assert statuses == [403, 403]
