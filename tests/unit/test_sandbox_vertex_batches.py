"""Vertex AI's batch prediction jobs in the stand-in, driven by google-genai where it can say it, otherwise by HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types
from google.oauth2 import service_account

from managed_files.sandbox import GoogleSandbox

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
MODEL = "gemini-2.0-flash"
JOBS = "/v1/projects/sandbox-project/locations/us-central1/batchPredictionJobs"
IN, OUT = "gs://sandbox-bucket/in.jsonl", "gs://sandbox-bucket/out"

Json = dict[str, Any]


@pytest.fixture
def sandbox() -> Iterator[GoogleSandbox]:
    with GoogleSandbox() as server:
        yield server


@pytest.fixture
def client(sandbox: GoogleSandbox) -> Iterator[genai.Client]:
    credentials = service_account.Credentials.from_service_account_info(sandbox.service_account_info(), scopes=[SCOPE])
    options = types.HttpOptions(base_url=sandbox.url)
    made = genai.Client(
        vertexai=True, project=sandbox.project, location="us-central1", credentials=credentials, http_options=options
    )
    yield made
    made.close()


def bearer(server: GoogleSandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.tokens.issue()}"}


def call(server: GoogleSandbox, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, server.url + path, headers=bearer(server), timeout=10, **options)


def line(text: str, **request: Any) -> Json:
    return {"request": {"contents": [{"role": "user", "parts": [{"text": text}]}], **request}}


def put(server: GoogleSandbox, *lines: Json | bytes) -> None:
    data = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    path = "/upload/storage/v1/b/sandbox-bucket/o?uploadType=media&name=in.jsonl"
    call(server, "POST", path, data=data).raise_for_status()


def spec(**changes: Any) -> Json:
    return {
        "displayName": "mine",
        "model": f"publishers/google/models/{MODEL}",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [IN]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": OUT}},
        **changes,
    }


def made(server: GoogleSandbox, **changes: Any) -> str:
    """The path of a new job."""
    answer = call(server, "POST", JOBS, json=spec(**changes))
    return f"{JOBS}/{answer.json()['name'].rpartition('/')[2]}"


def settled(server: GoogleSandbox, path: str) -> Json:
    server.settle_batches()
    job: Json = call(server, "GET", path).json()
    return job


def output(server: GoogleSandbox) -> dict[str, list[Json]]:
    """The lines of the objects that jobs wrote, by the last part of their names."""
    stored = {uri: one for uri, one in server.objects.items() if uri.startswith(f"{OUT}/prediction-model-")}
    return {uri.rpartition("/")[2]: list(map(json.loads, one.blob.read().splitlines())) for uri, one in stored.items()}


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["status"]


def test_googles_own_client_runs_a_job(sandbox: GoogleSandbox, client: genai.Client) -> None:
    put(sandbox, line("one"), line("two"))
    job = client.batches.create(model=MODEL, src=IN, config={"display_name": "mine", "dest": OUT})
    sandbox.settle_batches()

    seen = client.batches.get(name=job.name)

    listed = [one.name for one in client.batches.list(config={"filter": 'display_name="mine"'})]
    stats = seen.completion_stats
    assert (job.state, seen.state, listed) == ("JOB_STATE_PENDING", "JOB_STATE_SUCCEEDED", [job.name])
    assert stats is not None
    assert (stats.successful_count, stats.failed_count) == (2, 0)


def test_googles_own_client_cancels_and_deletes(sandbox: GoogleSandbox, client: genai.Client) -> None:
    sandbox.hold_batches()
    put(sandbox, line("one"))
    job = client.batches.create(model=MODEL, src=IN, config={"display_name": "mine", "dest": OUT})
    sandbox.settle_batches()
    held = client.batches.get(name=job.name).state

    client.batches.cancel(name=job.name)
    sandbox.settle_batches()
    ended = client.batches.get(name=job.name).state
    client.batches.delete(name=job.name)

    with pytest.raises(errors.ClientError) as gone:
        client.batches.get(name=job.name)
    assert (held, ended, gone.value.code) == ("JOB_STATE_RUNNING", "JOB_STATE_CANCELLED", 404)


def test_an_output_line_has_an_echo_and_no_id(sandbox: GoogleSandbox) -> None:
    request = line("one", labels={"team": "a"})
    put(sandbox, {**request, "key": "k1"})
    settled(sandbox, made(sandbox))

    [found] = output(sandbox)["predictions.jsonl"]

    assert found.keys() == {"status", "processed_time", "request", "response"}
    assert (found["status"], found["request"]) == ("", request["request"])
    assert found["response"]["candidates"][0]["content"]["parts"] == [{"text": "You said: one"}]


def test_a_larger_output_comes_in_two_shards_and_any_order(sandbox: GoogleSandbox) -> None:
    requests_sent = [line(f"number {number}")["request"] for number in range(40)]
    put(sandbox, *({"request": request} for request in requests_sent))
    settled(sandbox, made(sandbox))

    shards = output(sandbox)

    echoed = [one["request"] for shard in shards.values() for one in shard]
    in_order = sorted(echoed, key=lambda request: requests_sent.index(request))
    assert (sorted(shards), in_order == requests_sent) == (["predictions_000.jsonl", "predictions_001.jsonl"], True)
    assert echoed != requests_sent


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"generationConfig": {"temperature": 99}}, "temperature value of 99"),
        ({"labels": {"Team": "a"}}, "the label 'Team'"),
        ({"labels": {"team": "A b"}}, "the label 'team'"),
        ({"labels": {"team": "a" * 64}}, "the label 'team'"),
        ({"labels": {f"l{number}": "" for number in range(65)}}, "more than 64 labels"),
        ({"nonsense": 1}, "Cannot find field"),
    ],
    ids=str,
)
def test_a_line_that_is_refused_says_what_the_chat_says(sandbox: GoogleSandbox, extra: Json, words: str) -> None:
    request = line("one", **extra)
    put(sandbox, request)
    job = settled(sandbox, made(sandbox))
    path = f"/v1/projects/sandbox-project/locations/us-central1/publishers/google/models/{MODEL}:generateContent"
    chat = call(sandbox, "POST", path, json=request["request"])

    [found] = output(sandbox)["predictions.jsonl"]

    assert words in found["status"]
    assert (found["response"], job["completionStats"]["failedCount"]) == ({}, "1")
    assert json.loads(found["status"].removeprefix("Bad Request: ")) == chat.json()


@pytest.mark.parametrize("bad", [b"{", b"[]", b'"text"', b"{}", b'{"request": "text"}'])
def test_a_line_that_cannot_be_read_fails_the_job(sandbox: GoogleSandbox, bad: bytes) -> None:
    put(sandbox, line("one"), bad)
    job = settled(sandbox, made(sandbox))

    assert (job["state"], job["error"]["code"], "line 2" in job["error"]["message"], output(sandbox)) == (
        "JOB_STATE_FAILED",
        3,
        True,
        {},
    )


def source(uri: str) -> Json:
    return {"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [uri]}}}


def target(prefix: str) -> Json:
    return {"outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": prefix}}}


@pytest.mark.parametrize(
    "changes",
    [
        source("gs://sandbox-bucket/none.jsonl"),
        source("gs://somebody-elses-bucket/in.jsonl"),
        target("gs://somebody-elses-bucket/out"),
        target("gs://no-such-bucket/out"),
    ],
    ids=str,
)
def test_what_cannot_be_reached_fails_the_job_later(sandbox: GoogleSandbox, changes: Json) -> None:
    put(sandbox, line("one"))

    assert settled(sandbox, made(sandbox, **changes))["state"] == "JOB_STATE_FAILED"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"displayName": ""}, (400, "INVALID_ARGUMENT")),
        ({"model": "gemini-2.0-flash"}, (400, "INVALID_ARGUMENT")),
        ({"model": "publishers/google/models/none"}, (404, "NOT_FOUND")),
        ({"inputConfig": {"instancesFormat": "csv", "gcsSource": {"uris": [IN]}}}, (400, "INVALID_ARGUMENT")),
        ({"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": []}}}, (400, "INVALID_ARGUMENT")),
        (source("in.jsonl"), (400, "INVALID_ARGUMENT")),
        (target("out"), (400, "INVALID_ARGUMENT")),
        ({"unknown": 1}, (400, "INVALID_ARGUMENT")),
    ],
    ids=str,
)
def test_a_create_call_that_is_refused(sandbox: GoogleSandbox, changes: Json, told: tuple[int, str]) -> None:
    assert refusal(call(sandbox, "POST", JOBS, json=spec(**changes))) == told


def test_a_job_is_known_in_its_own_place_only(sandbox: GoogleSandbox) -> None:
    put(sandbox, line("one"))
    path = made(sandbox)
    elsewhere = [path.replace("us-central1", "eu"), path.replace("sandbox-project", "another"), JOBS + "/1"]

    answers = [call(sandbox, "GET", there).status_code for there in elsewhere]

    assert answers == [404, 403, 404]
    assert call(sandbox, "GET", path.replace("sandbox-project", "424242424242")).status_code == 200


def test_a_job_that_runs_cannot_be_deleted_nor_one_that_ended_be_cancelled(sandbox: GoogleSandbox) -> None:
    put(sandbox, line("one"))
    sandbox.hold_batches()
    path = made(sandbox)
    sandbox.settle_batches()
    early = refusal(call(sandbox, "DELETE", path))
    sandbox.release_batches()
    sandbox.settle_batches()

    late = refusal(call(sandbox, "POST", path + ":cancel", json={}))

    assert (early, late) == ((400, "FAILED_PRECONDITION"), (400, "FAILED_PRECONDITION"))
    assert call(sandbox, "DELETE", path).json()["done"] is True


def test_a_job_that_is_cancelled_at_once_is_not_held(sandbox: GoogleSandbox) -> None:
    put(sandbox, *(line("x" * 20_000) for _ in range(200)))
    sandbox.hold_batches()
    path = made(sandbox)
    call(sandbox, "POST", path + ":cancel", json={})

    assert settled(sandbox, path)["state"] == "JOB_STATE_CANCELLED"


def test_the_list_has_pages_and_a_filter(sandbox: GoogleSandbox) -> None:
    put(sandbox, line("one"))
    names = [made(sandbox, displayName=name).rpartition("/")[2] for name in ("a", "b", "b")]
    sandbox.settle_batches()
    first = call(sandbox, "GET", JOBS + "?pageSize=2").json()
    second = call(sandbox, "GET", f"{JOBS}?pageSize=2&pageToken={first['nextPageToken']}").json()
    wanted = 'display_name="b" AND state="JOB_STATE_SUCCEEDED"'
    filtered = call(sandbox, "GET", JOBS, params={"filter": wanted}).json()

    listed = [
        [job["name"].rpartition("/")[2] for job in page["batchPredictionJobs"]] for page in (first, second, filtered)
    ]

    assert listed == [[names[2], names[1]], [names[0]], [names[2], names[1]]]
    assert (call(sandbox, "GET", JOBS, params={"filter": 'display_name="c"'}).json(), "nextPageToken" in second) == (
        {},
        False,
    )
    assert refusal(call(sandbox, "GET", JOBS, params={"filter": "name:x"})) == (400, "INVALID_ARGUMENT")


def test_nobody_without_a_token_is_answered(sandbox: GoogleSandbox) -> None:
    assert requests.get(sandbox.url + JOBS, timeout=10).status_code == 401
