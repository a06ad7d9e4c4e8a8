"""What a chat request may not say: our ids in the wrong place, providers' ids, junk."""

import io
from typing import Any

import pytest
from gunicorn.http.errors import InvalidChunkSize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from managed_files.ids import new_file_id
from tests.gateway import GEMINI, GPT, MASTER_KEY, TEXT, Bench, StandIns, file_part, settings_for

WORDS = st.sampled_from(["a", "type", "file", "file_id", "text", "content", "messages", "role", "image_url", "url"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["metadata", "user", "tools", "x", "stop"]), around=st.lists(WORDS, max_size=4), junk=JSON)
def test_an_id_planted_anywhere_is_refused_and_not_sent(field: str, around: list[str], junk: Any, bench: Bench) -> None:
    planted = new_file_id()
    value: Any = planted
    for key in around:
        value = {key: value} if key != "a" else [junk, value]
    answer = bench.chat(GPT, **{field: value})
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["param"].startswith(field), planted in error["message"]) == (400, True, True)
    assert not bench.stand_ins.calls("completions")


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_an_id_in_a_text_part_is_refused_by_its_path(model: str, bench: Bench) -> None:
    answer = bench.chat(model, {"type": "text", "text": f"Read {new_file_id()}, please."})
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["param"], bench.stand_ins.calls("completions")) == (
        400,
        "messages[0].content[1].text",
        0,
    )


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-abc123"}},
        {"type": "file", "file": {"file_id": "made-up"}},
        {"type": "file", "file": {"file_id": ""}},
        {"type": "file", "file": {"file_id": "gs://somebody-elses-bucket/secret.pdf"}},
        {"type": "image_url", "image_url": {"url": "gs://somebody-elses-bucket/secret.png"}},
        {"type": "image_url", "image_url": "files/abc"},
        {"type": "input_audio", "input_audio": {"data": "file-abc123", "format": "wav"}},
        {"type": "file", "file": {"file_data": "gs://somebody-elses-bucket/secret.pdf"}},
        {"type": "file", "file_id": "7d6c1a4e-0000-4000-8000-000000000000"},
    ],
)
@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_providers_own_id_is_refused(model: str, part: dict[str, Any], bench: Bench) -> None:
    answer = bench.chat(model, part)
    assert (answer.status_code, sum(map(bench.stand_ins.calls, ("completions", "generateContent")))) == (404, 0)


def test_a_providers_own_id_passes_for_admins_where_it_is_allowed(url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, allow_provider_file_ids=True), stand_ins)
    bench.stored(GPT)
    remote_id = next(iter(stand_ins.openai.files))
    keys = {"master": MASTER_KEY, "admin": bench.key("chief", admin=True), "other": bench.key("somebody")}
    answers = {name: bench.chat(GPT, file_part(remote_id), key=key).status_code for name, key in keys.items()}
    bench.close()
    assert answers == {"master": 200, "admin": 200, "other": 404}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"", 400, None),
        (b"[]", 400, None),
        (b"{", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"messages": []}', 400, "model"),
        (b'{"model": "gpt"}', 400, "messages"),
        (b'{"model": 1, "messages": []}', 400, "model"),
        (b'{"model": "gpt", "messages": "hi"}', 400, "messages"),
        (b'{"model": "gpt", "messages": ["hi"]}', 400, "messages[0]"),
        (b'{"model": "gpt", "messages": [], "stream": "yes"}', 400, "stream"),
        (b'{"model": "nothing", "messages": []}', 404, "model"),
    ],
    ids=lambda value: value[:60].decode() if isinstance(value, bytes) else None,
)
def test_junk_is_refused_before_anything_is_sent(body: bytes, status: int, param: str | None, bench: Bench) -> None:
    answer = bench.call("POST", "/chat/completions", data=body, content_type="application/json")
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["type"], error["param"], bench.stand_ins.calls("completions")) == (
        status,
        "invalid_request_error",
        param,
        0,
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(role=st.sampled_from(["user", "assistant", "tool", "nobody"]), content=JSON | st.lists(JSON))
def test_random_content_never_breaks_the_gateway(role: str, content: Any, bench: Bench) -> None:
    messages = [{"role": role, "content": content}]
    answer = bench.call("POST", "/chat/completions", json={"model": GEMINI, "messages": messages})
    assert answer.status_code in (200, 400, 404)


def test_another_content_type_is_refused(bench: Bench) -> None:
    answer = bench.call("POST", "/chat/completions", data=b"{}", content_type="text/plain")
    assert answer.status_code == 415


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(declared: bool, url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, max_request_size_mb=1), stand_ins)
    body = {"model": GPT, "messages": [{"role": "user", "content": [TEXT, {"type": "text", "text": "x" * (1 << 20)}]}]}
    chunked: dict[str, Any] = (
        {} if declared else {"environ_overrides": {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}}
    )
    answer = bench.call("POST", "/chat/completions", json=body, **chunked)
    bench.close()
    assert (answer.status_code, stand_ins.calls("completions")) == (413, 0)


class Ending(io.BytesIO):
    """A body whose client stops in the middle."""

    def __init__(self, error: Exception):
        super().__init__()
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise self._error


@pytest.mark.parametrize(
    ("error", "length", "status"),
    [
        (ConnectionResetError(), "100", 400),
        (ConnectionResetError(), "", 400),
        (InvalidChunkSize(b"zz"), "", 400),
        (TimeoutError(), "100", 408),
        (BlockingIOError(), "100", 408),
    ],
)
def test_a_client_that_stops_in_the_middle_of_its_body(
    error: Exception, length: str, status: int, bench: Bench
) -> None:
    body = {"wsgi.input": Ending(error), "CONTENT_LENGTH": length, "wsgi.input_terminated": True}
    answer = bench.call("POST", "/chat/completions", content_type="application/json", environ_overrides=body)
    assert answer.status_code == status
