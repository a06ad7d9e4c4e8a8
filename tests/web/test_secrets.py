"""Marked secrets go into the configuration and the keys, every error is provoked, and all output is searched."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from managed_files.sandbox.faults import Fault
from managed_files.sandbox.openai import DEFAULT_KEY
from managed_files.web.observe import JSONLines
from tests.gateway import AZURE, GEMINI, GPT, Bench, StandIns, file_part, settings_for

MARK = "tOpSeCrEt"
MASTER = f"sk-{MARK}-master-0123456789"
PROVIDERS_KEY = f"sk-proj-{MARK}-0123456789"
STATUSES = (200, 400, 401, 403, 404, 413, 429, 500, 503)
QUOTING = {
    "error": {"message": f"Incorrect API key provided: {PROVIDERS_KEY}.", "type": "x", "code": "invalid_api_key"}
}


@pytest.fixture
def output() -> Iterator[list[str]]:
    """Every line that the gateway's loggers write, whatever their level, as the log would show it."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(JSONLines())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]  # least handler
    root, ours = logging.getLogger(), logging.getLogger("managed_files")
    before = root.level, ours.level
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before[0])
    ours.setLevel(before[1])


@pytest.fixture
def marked(url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """A gateway whose every credential is marked; OpenAI and Azure refuse theirs."""
    entries = stand_ins.entries()
    for entry in entries:
        params = entry["litellm_params"]
        params |= {"api_key": PROVIDERS_KEY, "extra_headers": {"x-proxy": MARK}} if "api_key" in params else {}
    settings = settings_for(
        make_conninfo(url, password=MARK, application_name="marked"), stand_ins, entries, master_key=MASTER
    )
    bench = Bench(settings, stand_ins)
    yield bench
    bench.close()


def errors(bench: Bench, key: str) -> Iterator[Any]:
    """An answer from every corner."""
    for status in STATUSES:
        for server in bench.stand_ins.all:
            server.inject(Fault(path="/", status=status, body=QUOTING, headers={"Retry-After": "60"}))
        yield from (bench.upload(model, key) for model in (GPT, AZURE))
        yield from (bench.chat(model, key=key, stream=stream) for model in (GPT, GEMINI) for stream in (False, True))
        bench.stand_ins.reset()
    event, kind = f"data: {json.dumps(QUOTING)}\n\n".encode(), {"Content-Type": "text/event-stream"}
    bench.stand_ins.openai.inject(Fault(path="/", status=200, headers=kind, body=event))
    yield bench.chat(GPT, key=key, stream=True)
    yield bench.upload("nothing", key)
    yield bench.chat("nothing", file_part("file-abc"), key=key)
    yield bench.chat(GPT, {"type": "text", "text": "file-mf-" + "a" * 32}, key=key)
    for path in ("/files", "/models", "/key/list", "/key/info", "/nowhere", "/files/x/content", "/files?limit=x"):
        yield from (bench.call(method, path, key, json={}) for method in ("GET", "POST", "DELETE"))
        yield bench.call("GET", path, f"{key}-wrong")


def test_no_secret_in_any_answer_or_log_line(marked: Bench, output: list[str]) -> None:
    made = marked.call("POST", "/key/generate", MASTER, json={"user_id": "u", "admin": True}).json or {}
    told = [answer.text + str(answer.headers) for key in (MASTER, made["key"]) for answer in errors(marked, key)]
    secrets = (MARK, made["key"], DEFAULT_KEY)
    private_key = marked.stand_ins.google.service_account_info()["private_key"].splitlines()[1]
    found = [text for text in told + output for secret in (*secrets, private_key) if secret in text]
    assert (found, len(output) > len(told) > 100) == ([], True)


def test_no_secret_in_any_repr(marked: Bench) -> None:
    gateway = marked.gateway
    values = [gateway, gateway.settings, gateway.settings.accounts, gateway.database, gateway.keys, gateway.files]
    values += [gateway.settings.deployments, marked.app.extensions, gateway.completions, gateway.reconciler]
    assert [text for text in map(repr, values) if MARK in text or "PRIVATE KEY" in text] == []


def test_an_accounts_name_holds_no_secret(marked: Bench) -> None:
    assert [name for name in marked.gateway.settings.accounts if MARK in name or "PRIVATE" in name] == []


def test_a_key_is_stored_as_its_digest_only(bench: Bench, sql: Any) -> None:
    key = bench.key("somebody", key_alias="mine")
    rows = str(sql("SELECT * FROM api_keys")) + str(sql("SELECT * FROM audit"))
    assert (key in rows, key[3:-4] in rows) == (False, False)


def test_lists_of_keys_show_no_key(bench: Bench) -> None:
    key = bench.key("somebody")
    shown = bench.call("GET", "/key/list").text + bench.call("GET", "/key/info", key).text
    assert key not in shown
