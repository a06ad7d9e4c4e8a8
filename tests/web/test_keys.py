"""Keys over HTTP: made, shown, listed, revoked, in LiteLLM's words."""

from typing import Any

import pytest

from tests.gateway import GPT, MASTER_KEY, Bench
from tests.gateway_fixtures import Sql


def test_a_key_is_made_with_what_was_asked(bench: Bench) -> None:
    wanted = {"user_id": "u", "team_id": "t", "key_alias": "a", "models": [GPT], "metadata": {"x": 1}, "duration": "1h"}
    made = bench.call("POST", "/key/generate", json=wanted).json or {}
    shown = {name: made[name] for name in ("user_id", "team_id", "key_alias", "models", "metadata", "admin", "blocked")}
    expected = {name: value for name, value in wanted.items() if name != "duration"} | {
        "admin": False,
        "blocked": False,
    }
    assert (shown, made["key"][:3], made["expires"] > made["created_at"]) == (expected, "sk-", True)


def test_nulls_are_as_good_as_nothing(bench: Bench) -> None:
    names = ("user_id", "team_id", "key_alias", "models", "metadata", "duration", "admin", "max_budget")
    answers = [bench.call("POST", "/key/generate", json=dict.fromkeys(given)) for given in (names, ())]
    told = [{**(answer.json or {}), "key": "", "token": "", "key_name": "", "created_at": ""} for answer in answers]
    assert told[0] == told[1]


def test_limits_that_limit_nothing_are_as_good_as_nothing(bench: Bench) -> None:
    body = {"user_id": "u", "blocked": False, "allowed_routes": [], "model_max_budget": {}, "spend": 0, "tags": ["x"]}
    body |= {"key_type": "default", "soft_budget": None, "policies": []}
    assert bench.call("POST", "/key/generate", json=body).status_code == 200


def test_a_key_may_ask_about_itself_and_no_other(bench: Bench) -> None:
    mine, other = bench.key("me"), bench.key("other")
    asked = [("", mine), (f"?key={mine}", mine), (f"?key={other}", MASTER_KEY), (f"?key={other}", mine)]
    answers = [bench.call("GET", f"/key/info{query}", key) for query, key in asked]
    told = [(answer.json or {}).get("info", {}).get("user_id", answer.status_code) for answer in answers]
    assert told == ["me", "me", "other", 404]


def test_the_master_key_is_in_no_table(bench: Bench) -> None:
    assert bench.call("GET", "/key/info").status_code == 404


@pytest.mark.parametrize("by", ["key", "token", "alias"])
def test_a_revoked_key_ends_at_once(by: str, bench: Bench) -> None:
    made = bench.call("POST", "/key/generate", json={"user_id": "u", "key_alias": "mine"}).json or {}
    before = bench.call("GET", "/models", made["key"]).status_code
    body = {"key_aliases": ["mine"]} if by == "alias" else {"keys": [made[by]]}
    answer = bench.call("POST", "/key/delete", json=body)
    again = bench.call("POST", "/key/delete", json=body).status_code
    assert (before, answer.json, again, bench.call("GET", "/models", made["key"]).status_code) == (
        200,
        {"deleted_keys": [made["token"]]},
        404,
        401,
    )


def test_lists_are_paged_and_of_one_user(bench: Bench) -> None:
    for user in ("a", "b", "a"):
        bench.key(user)
    pages = [bench.call("GET", f"/key/list?{query}").json or {} for query in ("size=2", "size=2&page=2", "user_id=a")]
    assert [([key["user_id"] for key in page["keys"]], page["has_more"]) for page in pages] == [
        (["a", "b"], True),
        (["a"], False),
        (["a", "a"], False),
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"user_id": ""}, "user_id"),
        ({"models": "gpt"}, "models"),
        ({"duration": "soon"}, "duration"),
        ({"duration": "999999999w"}, "duration"),
        ({"metadata": 1}, "metadata"),
        ({"user_id": "a\0b"}, None),
        ({"user_id": "a", "blocked": True}, "blocked"),
        ({"max_budget": 0}, "max_budget"),
        ({"key": "sk-my-own"}, "key"),
        ({"key_type": "read_only"}, "key_type"),
        ({"soft_budget": 1}, "soft_budget"),
        ({"enforced_params": ["user"]}, "enforced_params"),
    ],
)
def test_a_bad_request_names_its_field(body: Any, param: str | None, bench: Bench) -> None:
    answer = bench.call("POST", "/key/generate", json=body)
    assert (answer.status_code, (answer.json or {})["error"]["param"]) == (400, param)


def test_the_trail_tells_who_made_and_revoked(bench: Bench, sql: Sql) -> None:
    chief = bench.key("chief", admin=True)
    made = bench.call("POST", "/key/generate", chief, json={"user_id": "u"}).json or {}
    bench.call("POST", "/key/delete", json={"keys": [made["token"]]})
    assert sql("SELECT actor, action FROM audit WHERE subject = %s ORDER BY id", made["token"]) == [
        ("chief", "key.create"),
        ("default_user_id", "key.revoke"),
    ]
