"""The Gemini API's batches in the stand-in, driven by google-genai where it can say it, otherwise by plain HTTP."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types

from managed_files.sandbox.gemini import DEFAULT_KEY, GeminiSandbox

MODEL = "gemini-2.0-flash"
OTHER_KEY = "AIzaOther-0123456789"
CREATE = f"/v1beta/models/{MODEL}:batchGenerateContent"

Json = dict[str, Any]


@pytest.fixture
def sandbox() -> Iterator[GeminiSandbox]:
    with GeminiSandbox(api_keys={DEFAULT_KEY: "projects/1", OTHER_KEY: "projects/2"}) as server:
        yield server


@pytest.fixture
def client(sandbox: GeminiSandbox) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=sandbox.url, api_version="v1beta")
    made = genai.Client(api_key=DEFAULT_KEY, http_options=options)
    yield made
    made.close()


def call(server: GeminiSandbox, method: str, path: str, key: str = DEFAULT_KEY, **options: Any) -> requests.Response:
    return requests.request(method, server.url + path, headers={"x-goog-api-key": key}, timeout=10, **options)


def line(key: str, text: str, **request: Any) -> Json:
    return {"key": key, "request": {"contents": [{"role": "user", "parts": [{"text": text}]}], **request}}


def stored(client: genai.Client, *lines: Json | bytes, mime_type: str = "application/jsonl") -> str:
    """The name of a file of these lines."""
    data = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    name = client.files.upload(file=io.BytesIO(data), config={"mime_type": mime_type}).name
    assert name
    return name


def made(server: GeminiSandbox, source: Json, key: str = DEFAULT_KEY, path: str = CREATE) -> requests.Response:
    return call(server, "POST", path, key, json={"batch": {"displayName": "mine", "inputConfig": source}})


def settled(server: GeminiSandbox, name: str) -> Json:
    server.settle_batches()
    operation: Json = call(server, "GET", f"/v1beta/{name}").json()
    return operation


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["status"]


def test_googles_own_client_runs_a_batch(sandbox: GeminiSandbox, client: genai.Client) -> None:
    name = stored(client, line("a", "one"), line("b", "two"))
    batch = client.batches.create(model=MODEL, src=name, config={"display_name": "mine"})
    sandbox.settle_batches()

    seen = client.batches.get(name=batch.name)

    assert seen.dest is not None
    data = client.files.download(file=seen.dest.file_name)
    texts = {one["key"]: one["response"]["candidates"][0]["content"] for one in map(json.loads, data.splitlines())}
    assert (batch.state, seen.state, [one.name for one in client.batches.list()]) == (
        "JOB_STATE_PENDING",
        "JOB_STATE_SUCCEEDED",
        [batch.name],
    )
    assert texts == {
        "a": {"role": "model", "parts": [{"text": "You said: one"}]},
        "b": {"role": "model", "parts": [{"text": "You said: two"}]},
    }


def test_googles_own_client_runs_requests_that_come_with_the_call(sandbox: GeminiSandbox, client: genai.Client) -> None:
    requests_sent = [{"contents": [{"role": "user", "parts": [{"text": text}]}]} for text in ("one", "two")]
    batch = client.batches.create(model=MODEL, src=requests_sent, config={"display_name": "mine"})
    sandbox.settle_batches()

    seen = client.batches.get(name=batch.name)

    assert seen.dest is not None
    answers = [one.response.text for one in seen.dest.inlined_responses or [] if one.response]
    assert answers == ["You said: one", "You said: two"]


def test_googles_own_client_cancels_and_deletes(sandbox: GeminiSandbox, client: genai.Client) -> None:
    sandbox.hold_batches()
    batch = client.batches.create(model=MODEL, src=stored(client, line("a", "one")), config={"display_name": "mine"})
    sandbox.settle_batches()
    held = client.batches.get(name=batch.name).state

    client.batches.cancel(name=batch.name)
    sandbox.settle_batches()
    ended = client.batches.get(name=batch.name).state
    client.batches.delete(name=batch.name)

    with pytest.raises(errors.ClientError) as gone:
        client.batches.get(name=batch.name)
    assert (held, ended, gone.value.code) == ("JOB_STATE_RUNNING", "JOB_STATE_CANCELLED", 404)


def test_an_operation_at_its_end(sandbox: GeminiSandbox, client: genai.Client) -> None:
    bad = line("b", "two", generationConfig={"temperature": 99})
    name = made(sandbox, {"fileName": stored(client, line("a", "one"), bad)}).json()["name"]
    operation = settled(sandbox, name)

    output = operation["metadata"]["output"]
    lines = call(sandbox, "GET", f"/v1beta/{output['responsesFile']}:download?alt=media").text.splitlines()
    refused = json.loads(lines[1])
    assert (operation["done"], operation["metadata"]["state"], operation["metadata"]["batchStats"]) == (
        True,
        "BATCH_STATE_SUCCEEDED",
        {"requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1"},
    )
    assert operation["response"]["responsesFile"] == output["responsesFile"] == f"files/batch-{name[8:]}"
    assert (refused["key"], refused["error"]["code"], "temperature" in refused["error"]["message"]) == ("b", 3, True)


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"key": "b"}'])
def test_a_line_that_cannot_be_read_fails_the_batch(sandbox: GeminiSandbox, client: genai.Client, bad: bytes) -> None:
    name = made(sandbox, {"fileName": stored(client, line("a", "one"), bad)}).json()["name"]
    operation = settled(sandbox, name)

    assert (operation["done"], operation["metadata"]["state"], operation["error"]["code"]) == (
        True,
        "BATCH_STATE_FAILED",
        3,
    )


def test_what_google_made_can_be_downloaded_and_nothing_else(sandbox: GeminiSandbox, client: genai.Client) -> None:
    uploaded = stored(client, line("a", "one"))
    name = made(sandbox, {"fileName": uploaded}).json()["name"]
    made_by_google = settled(sandbox, name)["response"]["responsesFile"]
    file = call(sandbox, "GET", f"/v1beta/{made_by_google}").json()

    answers = [
        call(sandbox, "GET", f"/v1beta/{path}", key).status_code
        for path, key in (
            (f"{made_by_google}:download?alt=media", DEFAULT_KEY),
            (f"{made_by_google}:download", DEFAULT_KEY),
            (f"{made_by_google}:download?alt=media", OTHER_KEY),
            (f"{uploaded}:download?alt=media", DEFAULT_KEY),
        )
    ]

    assert (answers, file["source"], "downloadUri" in file) == ([200, 400, 403, 400], "GENERATED", True)


def test_a_name_that_google_gives_cannot_be_chosen(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client.files.upload(file=io.BytesIO(b"x"), config={"name": "files/batch-1", "mime_type": "text/plain"})

    assert caught.value.code == 400


def test_an_input_that_cannot_be_used_is_refused(sandbox: GeminiSandbox, client: genai.Client) -> None:
    good = stored(client, line("a", "one"))
    broken, text = stored(client, b"BROKEN"), stored(client, line("a", "one"), mime_type="text/plain")

    answers = [
        refusal(made(sandbox, {"fileName": good}, OTHER_KEY)),
        refusal(made(sandbox, {"fileName": "files/none"})),
        refusal(made(sandbox, {"fileName": broken})),
        refusal(made(sandbox, {"fileName": text})),
        refusal(made(sandbox, {})),
        refusal(made(sandbox, {"fileName": good}, path="/v1beta/models/none:batchGenerateContent")),
    ]

    invalid, missing = (400, "INVALID_ARGUMENT"), (404, "NOT_FOUND")
    assert answers == [missing, missing, (400, "FAILED_PRECONDITION"), invalid, invalid, missing]


def test_a_batch_is_known_to_its_own_project_only(sandbox: GeminiSandbox, client: genai.Client) -> None:
    path = f"/v1beta/{made(sandbox, {'fileName': stored(client, line('a', 'one'))}).json()['name']}"
    calls = (("GET", path), ("POST", f"{path}:cancel"), ("DELETE", path))

    answers = [call(sandbox, method, there, OTHER_KEY).status_code for method, there in calls]

    assert (answers, call(sandbox, "GET", "/v1beta/batches", OTHER_KEY).json()) == ([404, 404, 404], {})


def test_the_list_has_pages(sandbox: GeminiSandbox, client: genai.Client) -> None:
    source = {"fileName": stored(client, line("a", "one"))}
    names = [made(sandbox, source).json()["name"] for _ in range(3)]
    sandbox.settle_batches()
    first = call(sandbox, "GET", "/v1beta/batches?pageSize=2").json()
    second = call(sandbox, "GET", f"/v1beta/batches?pageSize=2&pageToken={first['nextPageToken']}").json()

    listed = [[operation["name"] for operation in page["operations"]] for page in (first, second)]

    assert (listed, "nextPageToken" in second) == ([[names[2], names[1]], [names[0]]], False)


def test_a_batch_that_ended_cannot_be_cancelled(sandbox: GeminiSandbox, client: genai.Client) -> None:
    name = made(sandbox, {"fileName": stored(client, line("a", "one"))}).json()["name"]
    sandbox.settle_batches()

    assert refusal(call(sandbox, "POST", f"/v1beta/{name}:cancel")) == (400, "FAILED_PRECONDITION")
