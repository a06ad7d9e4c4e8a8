"""Security over the route table: a new route is tested by being there."""

import pytest
from werkzeug.test import TestResponse

from tests.gateway import MASTER_KEY, Bench
from tests.gateway_fixtures import Sql

# Load balancers have no key, and are told nothing but yes or no.
OPEN = ("/health/liveliness", "/health/liveness", "/health/readiness")
# What any key may ask of its own record.
OF_EVERY_KEY = ("/key/info",)
UNAUTHORIZED = (401, "invalid_request_error", "invalid_api_key")
ID = "file-mf-" + "a" * 32
CHAT = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}


def routes(bench: Bench) -> list[tuple[str, str]]:
    """Method and path of every route, its variables filled in."""
    rules = [rule for rule in bench.app.url_map.iter_rules() if rule.endpoint != "static"]
    methods = [(method, rule) for rule in rules for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return [
        (method, rule.rule.replace("<file_id>", ID).replace("<batch_id>", ID).replace("<path:name>", "gpt"))
        for method, rule in methods
    ]


def guarded(bench: Bench) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(bench) if path.removeprefix("/v1") not in OPEN]


def told(answer: TestResponse) -> tuple[int, str | None, str | None]:
    error = (answer.json or {}).get("error", {})
    return answer.status_code, error.get("type"), error.get("code")


def test_the_table_is_the_one_that_is_meant(bench: Bench) -> None:
    below_v1 = {path.removeprefix("/v1") for _, path in routes(bench) if path.startswith("/v1/")}
    assert (
        below_v1
        == {path for _, path in routes(bench) if not path.startswith("/v1/")}
        == {
            *OPEN,
            *("/chat/completions", "/models", "/models/gpt"),
            *("/files", f"/files/{ID}", f"/files/{ID}/content", f"/files/{ID}/delete"),
            *("/batches", f"/batches/{ID}", f"/batches/{ID}/cancel", f"/batches/{ID}/retry"),
            *("/key/generate", "/key/delete", "/key/info", "/key/list"),
        }
    )


@pytest.mark.parametrize("key", [None, "sk-unknown", "", "ключ"])
def test_no_route_answers_without_a_known_key(key: str | None, bench: Bench) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
    answers = {route: bench.call(*route, None, headers=headers, json=CHAT) for route in guarded(bench)}
    assert {route: told(answer) for route, answer in answers.items()} == dict.fromkeys(answers, UNAUTHORIZED)


@pytest.mark.parametrize("ended", ["UPDATE api_keys SET expires_at = now()", "UPDATE api_keys SET revoked_at = now()"])
def test_no_route_answers_an_ended_key(ended: str, bench: Bench, sql: Sql) -> None:
    key = bench.key("somebody", admin=True, duration="1h")
    sql(ended)
    answers = {route: bench.call(*route, key, json=CHAT) for route in guarded(bench)}
    assert {route: told(answer) for route, answer in answers.items()} == dict.fromkeys(answers, UNAUTHORIZED)


def test_admin_routes_refuse_an_ordinary_key(bench: Bench) -> None:
    key = bench.key("somebody")
    admin = [route for route in guarded(bench) if "/key/" in route[1] and not route[1].endswith(OF_EVERY_KEY)]
    answers = [bench.call(*route, key, json={}) for route in admin]
    assert [told(answer) for answer in answers] == [(403, "permission_error", None)] * 6


def test_open_routes_answer_without_a_key(bench: Bench) -> None:
    assert [bench.call("GET", path, None).status_code for path in OPEN] == [200, 200, 200]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {MASTER_KEY}"},
        {"Authorization": f"bearer  {MASTER_KEY} "},
        {"api-key": MASTER_KEY},
        {"x-api-key": MASTER_KEY},
        {"Authorization": "Basic abc", "api-key": MASTER_KEY},
    ],
)
def test_the_key_may_stand_in_three_headers(headers: dict[str, str], bench: Bench) -> None:
    assert bench.call("GET", "/models", None, headers=headers).status_code == 200


def test_a_key_in_the_address_is_none(bench: Bench) -> None:
    assert bench.call("GET", f"/models?key={MASTER_KEY}&api_key={MASTER_KEY}", None).status_code == 401


def test_an_unknown_key_is_told_so_before_its_upload_is_judged(bench: Bench) -> None:
    assert told(bench.call("POST", "/files", "sk-unknown", data=b"junk")) == UNAUTHORIZED
