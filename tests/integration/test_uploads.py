"""One incoming file to several providers: while it still arrives, in any order of fields, at all of them or at none."""

import hashlib
from functools import partial
from typing import Any

import pytest

from managed_files.sandbox.journal import Recorded
from tests.gateway import AZURE, CONTENT, FORM, GEMINI, GPT, MASTER_KEY, TARGETS, Bench, StandIns, form, settings_for
from tests.gateway_fixtures import Sql

BIG = b"%PDF-1.7 " + bytes(range(256)) * 1024
ONE_EACH = {"openai": 1, "azure": 0, "google": 1}
SESSION = "/upload/storage/v1/b/sandbox-bucket/o"
READY = {"state": "ready", "expires_at": None, "error": None}
ROWS = "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM copies)"


def digests(stand_ins: StandIns) -> set[str]:
    """SHA-256 of whatever is stored anywhere."""
    openai, google = stand_ins.openai.files.values(), stand_ins.google.objects.values()
    return {file.sha256 for file in (*openai, *stand_ins.azure.files.values())} | {one.sha256 for one in google}


def sending(path: str, size: int = 0) -> Any:
    """A request to this path of which more than `size` bytes are in, and that is not over."""

    def wanted(request: Recorded) -> bool:
        return request.path == path and request.size > size and not request.finished

    return wanted


def begun(path: str) -> Any:
    return lambda request: request.path == path


def test_sending_begins_before_the_clients_last_byte(bench: Bench) -> None:
    body = form(TARGETS, BIG)
    stand_ins, half = bench.stand_ins, len(body) // 2
    answer = bench.feed(
        body[:half],
        partial(stand_ins.openai.wait_for, sending("/v1/files", len(BIG) // 4)),
        partial(stand_ins.google.wait_for, begun(SESSION)),
        body[half:],
        length=len(body),
    )
    assert (answer.status_code, stand_ins.counts(), digests(stand_ins)) == (
        200,
        ONE_EACH,
        {hashlib.sha256(BIG).hexdigest()},
    )


def test_a_chunked_body_goes_to_cloud_storage_as_it_arrives(bench: Bench) -> None:
    body = form(TARGETS, BIG)
    google, half = bench.stand_ins.google, len(body) // 2
    wait = partial(google.wait_for, begun(SESSION))
    answer = bench.feed(body[:half], wait, body[half:], length=None)
    assert (answer.status_code, (answer.json or {})["bytes"], bench.stand_ins.counts()) == (200, len(BIG), ONE_EACH)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("data", [CONTENT, BIG], ids=["small", "big"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TARGETS, {}),
        ({}, TARGETS),
        ({"purpose": "user_data"}, {"target_model_names": f"{GPT}, {GEMINI}"}),
        ({"target_model_names[]": GPT, "purpose": "user_data"}, {"target_model_names[0]": GEMINI}),
        (TARGETS, {"something": "of no interest " * 50}),
        (TARGETS, {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}),
    ],
    ids=["file last", "file first", "file between", "targets grow", "promised length is wrong", "expiry behind it"],
)
def test_fields_may_stand_on_both_sides_of_the_file(
    before: dict[str, str], after: dict[str, str], data: bytes, chunked: bool, bench: Bench, sql: Sql
) -> None:
    body = form(before, data, after)
    answer = bench.feed(body, length=None if chunked else len(body))
    assert (answer.status_code, bench.stand_ins.counts(), digests(bench.stand_ins), sql(ROWS)) == (
        200,
        ONE_EACH,
        {hashlib.sha256(data).hexdigest()},
        [(1, 2)],
    )


@pytest.mark.parametrize(
    ("after", "param"),
    [
        ({"purpose": "assistants"}, "purpose"),
        ({"target_model_names": "nothing"}, "target_model_names"),
        ({"expires_after[anchor]": "created_at"}, "expires_after[seconds]"),
    ],
)
def test_fields_behind_the_file_that_are_wrong_leave_nothing(
    after: dict[str, str], param: str, bench: Bench, sql: Sql
) -> None:
    answer = bench.call("POST", "/files", data=form(TARGETS, BIG, after), content_type=FORM)
    assert (answer.status_code, (answer.json or {})["error"]["param"], digests(bench.stand_ins), sql(ROWS)) == (
        400,
        param,
        set(),
        [(0, 0)],
    )


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_goes_away_leaves_nothing(chunked: bool, bench: Bench, sql: Sql) -> None:
    body = form(TARGETS, BIG)
    wait = partial(bench.stand_ins.google.wait_for, begun(SESSION))
    answer = bench.feed(body[: len(body) // 2], wait, length=None if chunked else len(body))
    assert (answer.status_code, digests(bench.stand_ins), sql(ROWS)) == (400, set(), [(0, 0)])


@pytest.mark.parametrize(
    "query",
    [
        f"target_model_names={GPT},{GEMINI}",
        f"target_model_names[]={GPT}&target_model_names[]={GEMINI}",
        "target_model_names=gpt-4o-mini, vertex_ai/gemini-2.0-flash",
        f"target_model_names=%20{GPT}%20,,{GEMINI},",
    ],
)
def test_targets_in_the_address_for_curl(query: str, bench: Bench) -> None:
    body = form({"purpose": "user_data"}, CONTENT)
    answer = bench.call("POST", f"/files?{query}", data=body, content_type=FORM)
    assert (answer.status_code, bench.stand_ins.counts()) == (200, ONE_EACH)


def test_a_public_name_that_is_also_anothers_model_means_the_public_one(url: str, stand_ins: StandIns) -> None:
    entries = stand_ins.entries()
    entries[3]["model_name"] = "gpt-4o-mini"  # which is OpenAI's model behind the first entry
    bench = Bench(settings_for(url, stand_ins, entries), stand_ins)
    answers = [
        bench.upload("gpt-4o-mini", key).status_code for key in (MASTER_KEY, bench.key("somebody", models=[GPT]))
    ]
    bench.close()
    assert (answers, stand_ins.counts()) == ([200, 400], {"openai": 0, "azure": 1, "google": 0})


def test_default_targets(url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, default_target_model_names=[AZURE]), stand_ins)
    answers = [bench.upload("").status_code, bench.upload(GPT).status_code]
    bench.close()
    assert (answers, stand_ins.counts()) == ([200, 200], {"openai": 1, "azure": 1, "google": 0})


def test_a_default_that_the_key_may_not_use_is_refused(url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, default_target_model_names=f"{AZURE}, {GPT}"), stand_ins)
    answer = bench.upload("", bench.key("somebody", models=[GPT]))
    bench.close()
    assert (answer.status_code, stand_ins.counts()["openai"]) == (400, 0)


def test_two_connections_serve_more_uploads_than_that(url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, database_connections=2), stand_ins)
    body, answers = form(TARGETS, BIG), [0, 0, 0]

    def upload(depth: int) -> None:
        deeper = [partial(upload, depth + 1)] if depth < 2 else []
        answers[depth] = bench.feed(body[:100_000], *deeper, body[100_000:], length=len(body)).status_code

    upload(0)
    bench.close()
    assert answers == [200, 200, 200]


def test_the_file_object(bench: Bench, sql: Sql) -> None:
    answer = bench.upload(f"{GPT}, {GEMINI}").json or {}
    made = answer.pop("created_at")
    assert (abs(made - sql("SELECT extract(epoch FROM now())")[0][0]) < 60, answer.pop("id")[:8], answer) == (
        True,
        "file-mf-",
        {
            "object": "file",
            "bytes": len(CONTENT),
            "filename": "paper.pdf",
            "purpose": "user_data",
            "status": "processed",
            "copies": [
                {"model_names": ["gpt", "gpt-big"], "provider": "openai"} | READY,
                {"model_names": [GEMINI], "provider": "vertex_ai"} | READY,
            ],
        },
    )
