"""Deleting: every copy goes, now or later, and no caller waits for later."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from managed_files.providers import wire
from managed_files.sandbox.faults import Fault
from tests.gateway import GEMINI, GPT, MASTER_KEY, Bench, StandIns, file_part, settings_for
from tests.gateway_fixtures import Sql

NONE = {"openai": 0, "azure": 0, "google": 0}
ROWS = "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM copies)"
DUE = "UPDATE copies SET next_attempt_at = now()"


@pytest.fixture
def sdk(bench: Bench) -> Iterator[OpenAI]:
    """OpenAI's own client, straight into the application."""
    transport = httpx2.WSGITransport(app=bench.app)
    with httpx2.Client(transport=transport) as http:
        yield OpenAI(base_url="http://gateway", api_key=MASTER_KEY, http_client=http)


def delete(bench: Bench, file_id: str) -> tuple[int, Any]:
    answer = bench.call("DELETE", f"/files/{file_id}")
    return answer.status_code, (answer.json or {}).get("deleted")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/files/{}"), ("POST", "/v1/files/{}/delete")])
def test_every_copy_goes_and_no_route_knows_the_file(method: str, path: str, bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    answer = bench.call(method, path.format(file_id))
    after = [bench.call(verb, f"/files/{file_id}").status_code for verb in ("GET", "DELETE")]
    after += [
        bench.call("GET", f"/files/{file_id}/content").status_code,
        bench.chat(GPT, file_part(file_id)).status_code,
    ]
    assert (answer.json, after, bench.stand_ins.counts(), sql(ROWS)) == (
        {"id": file_id, "object": "file", "deleted": True},
        [404] * 4,
        NONE,
        [(0, 0)],
    )


def test_a_copy_that_is_gone_already_counts_as_deleted(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    bench.stand_ins.reset()
    assert (delete(bench, file_id), sql(ROWS)) == ((200, True), [(0, 0)])


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 401}, {"cut": "before"}, {"cut": "after_commit"}])
def test_what_cannot_be_deleted_now_is_deleted_later(fault: dict[str, Any], bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    bench.stand_ins.openai.inject(Fault(method="DELETE", path="/v1/files", times=None, **fault))
    told, seen = delete(bench, file_id), bench.call("GET", f"/files/{file_id}").status_code
    waiting = sql("SELECT provider, state, error LIKE 'openai %%' FROM copies")
    bench.stand_ins.openai.faults.clear()
    sql(DUE)
    bench.gateway.reconciler.run_once()
    assert (told, seen, waiting, bench.stand_ins.counts(), sql(ROWS)) == (
        (200, True),
        404,
        [("openai", "deleting", True)],
        NONE,
        [(0, 0)],
    )


def test_a_provider_that_hangs_keeps_no_delete_waiting(bench: Bench, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id, gate = bench.stored(f"{GPT}, {GEMINI}"), threading.Event()
    bench.stand_ins.openai.inject(Fault(method="DELETE", path="/v1/files", gate=gate))
    monkeypatch.setattr(wire, "PATIENCE", 0.2)  # an entry's own time-out is ten minutes
    told = delete(bench, file_id)
    left = sql("SELECT provider, state, error LIKE '%%in time%%' FROM copies")
    gate.set()
    assert (told, left) == ((200, True), [("openai", "deleting", True)])


def test_this_request_has_a_minute_before_the_reconciler_takes_over(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT)
    bench.stand_ins.openai.inject(Fault(method="DELETE", path="/v1/files", status=500))
    delete(bench, file_id)
    report = bench.gateway.reconciler.run_once()
    left = sql("SELECT extract(epoch FROM next_attempt_at - now()) BETWEEN 30 AND 60 FROM copies")
    assert (report.deleted, left) == (0, [(True,)])


def test_an_account_that_left_the_configuration_keeps_its_copy_with_a_note(
    bench: Bench, stand_ins: StandIns, url: str, sql: Sql
) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    later = Bench(settings_for(url, stand_ins, stand_ins.entries()[2:3]), stand_ins)
    told = delete(later, file_id)
    later.close()
    (state, error), *others = sql("SELECT state, error FROM copies")
    assert (told, state, "uses the account openai:" in error, others, stand_ins.counts()["google"]) == (
        (200, True),
        "deleting",
        True,
        [],
        0,
    )


def test_the_audit_trail_tells_who_did_what(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT, bench.key("owner"))
    bench.call("DELETE", f"/files/{file_id}", bench.key("chief", admin=True))
    assert sql("SELECT actor, action FROM audit WHERE subject = %s ORDER BY id", file_id) == [
        ("owner", "file.create"),
        ("chief", "file.delete"),
    ]


def test_the_audit_trail_tells_whose_life_ended(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT, bench.key("owner"))
    sql("UPDATE files SET expires_at = now()")
    bench.gateway.reconciler.run_once()
    assert sql("SELECT actor, action, detail ->> 'owner' FROM audit WHERE subject = %s ORDER BY id", file_id)[1:] == [
        ("reconciler", "file.expire", "owner")
    ]


def test_two_deletes_at_once_are_one(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT)
    second: list[int] = []
    copies = bench.gateway.repository.begin_delete(file_id, "me", 60.0)
    second.append(delete(bench, file_id)[0])
    assert (len(copies), second) == (1, [404])


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_deleting_while_paging_reaches_every_file(order: Any, bench: Bench, sdk: OpenAI, sql: Sql) -> None:
    ids = [bench.stored(GPT) for _ in range(5)]
    gone = [sdk.files.delete(file.id).id for file in sdk.files.list(limit=2, order=order)]
    assert (gone, sql(ROWS)) == (ids if order == "asc" else ids[::-1], [(0, 0)])


def test_paging_goes_on_when_another_deletes_the_last_file_of_a_page(bench: Bench) -> None:
    owner, mate = (bench.key(name, team_id="ours") for name in ("owner", "mate"))
    ids = [bench.stored(GPT, owner) for _ in range(3)]
    page = bench.call("GET", "/files?limit=1&order=asc", mate).json or {}
    bench.call("DELETE", f"/files/{page['last_id']}", owner)
    rest = bench.call("GET", f"/files?after={page['last_id']}&order=asc", mate).json or {}
    assert [file["id"] for file in rest["data"]] == ids[1:]


def test_paging_goes_on_when_the_last_file_of_a_page_expires(bench: Bench, sql: Sql) -> None:
    ids = [bench.stored(GPT) for _ in range(3)]
    sql("UPDATE files SET expires_at = now() WHERE id = %s", ids[0])
    before = bench.call("GET", f"/files?after={ids[0]}&order=asc").json or {}
    bench.gateway.reconciler.run_once()
    after = bench.call("GET", f"/files?after={ids[0]}&order=asc").json or {}
    assert [[file["id"] for file in page["data"]] for page in (before, after)] == [ids[1:], ids[1:]]
