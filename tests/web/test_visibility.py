"""Who may see, use and delete whose files, and which models a key may use."""

import pytest
from werkzeug.test import TestResponse

from managed_files.ids import new_file_id
from tests.gateway import AZURE, GEMINI, GPT, GPT_BIG, Bench, file_part

ROUTES = [
    ("GET", "/files/{id}"),
    ("GET", "/files/{id}/content"),
    ("DELETE", "/files/{id}"),
    ("POST", "/files/{id}/delete"),
]


def as_seen(answer: TestResponse, file_id: str) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but the request's and the file's id."""
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "x-request-id"}
    return answer.status_code, headers, answer.data.replace(file_id.encode(), b"ID")


def ids(answer: TestResponse) -> list[str]:
    return [file["id"] for file in (answer.json or {})["data"]]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_strangers_file_answers_as_one_that_does_not_exist(method: str, path: str, bench: Bench) -> None:
    stranger = bench.key("stranger", team_id="theirs")
    theirs, nobodys = bench.stored(GPT, bench.key("owner", team_id="ours")), new_file_id()
    answers = [as_seen(bench.call(method, path.format(id=one), stranger), one) for one in (theirs, nobodys)]
    assert (answers[0], answers[0][0]) == (answers[1], 404)


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_strangers_file_in_chat_answers_as_one_that_does_not_exist(model: str, bench: Bench) -> None:
    stranger = bench.key("stranger")
    theirs, nobodys = bench.stored(GPT, bench.key("owner")), new_file_id()
    answers = [as_seen(bench.chat(model, file_part(one), key=stranger), one) for one in (theirs, nobodys)]
    assert (answers[0], answers[0][0], bench.stand_ins.calls("completions")) == (answers[1], 404, 0)


def test_keys_without_a_team_share_nothing(bench: Bench) -> None:
    mine = bench.stored(GPT, bench.key("one"))
    other = bench.key("two")
    assert (bench.call("GET", f"/files/{mine}", other).status_code, ids(bench.call("GET", "/files", other))) == (
        404,
        [],
    )


def test_a_strangers_file_as_cursor_lists_nothing(bench: Bench) -> None:
    stranger = bench.key("stranger")
    bench.stored(GPT, stranger)
    theirs = bench.stored(GPT, bench.key("owner"))
    bench.stored(GPT, stranger)
    queries = [f"after={one}&order={order}" for one in (theirs, new_file_id()) for order in ("desc", "asc")]
    assert [ids(bench.call("GET", f"/files?{query}", stranger)) for query in queries] == [[], [], [], []]


def test_team_mates_see_list_and_use_but_do_not_delete(bench: Bench) -> None:
    mate = bench.key("mate", team_id="ours")
    file_id = bench.stored(GPT, bench.key("owner", team_id="ours"))
    answers = {
        "retrieve": bench.call("GET", f"/files/{file_id}", mate).status_code,
        "list": ids(bench.call("GET", "/files", mate)),
        "chat": bench.chat(GPT, file_part(file_id), key=mate).status_code,
        "delete": bench.call("DELETE", f"/files/{file_id}", mate).status_code,
        "still there": bench.stand_ins.counts()["openai"],
    }
    assert answers == {"retrieve": 200, "list": [file_id], "chat": 200, "delete": 403, "still there": 1}


def test_another_key_of_the_owner_may_delete(bench: Bench) -> None:
    file_id = bench.stored(GPT, bench.key("owner"))
    assert bench.call("DELETE", f"/files/{file_id}", bench.key("owner")).json == {
        "id": file_id,
        "object": "file",
        "deleted": True,
    }


def test_an_admin_may_see_use_and_delete_everything_but_lists_its_own(bench: Bench) -> None:
    file_id = bench.stored(GPT, bench.key("owner"))
    admin = bench.key("chief", admin=True)
    answers = [
        bench.call("GET", f"/files/{file_id}", admin).status_code,
        ids(bench.call("GET", "/files", admin)),
        bench.chat(GPT, file_part(file_id), key=admin).status_code,
        bench.call("DELETE", f"/files/{file_id}", admin).status_code,
    ]
    assert answers == [200, [], 200, 200]


def test_a_keys_models_are_all_it_lists(bench: Bench) -> None:
    key = bench.key("somebody", models=[GPT, AZURE])
    listed = [model["id"] for model in (bench.call("GET", "/models", key).json or {})["data"]]
    single = {name: bench.call("GET", f"/models/{name}", key).status_code for name in (GPT, GEMINI, AZURE, "nothing")}
    assert (listed, single) == ([GPT, AZURE], {GPT: 200, GEMINI: 404, AZURE: 200, "nothing": 404})


def test_a_model_that_a_key_may_not_use_answers_as_an_unknown_one(bench: Bench) -> None:
    key = bench.key("somebody", models=[GPT])
    answers = [as_seen(bench.chat(model, key=key), model) for model in (GEMINI, "nomini")]
    assert (answers[0], answers[0][0]) == (answers[1], 404)


@pytest.mark.parametrize("target", [GEMINI, "vertex_ai/gemini-2.0-flash", "nothing"])
def test_a_target_that_a_key_may_not_use_is_named_with_the_allowed_ones(target: str, bench: Bench) -> None:
    answer = bench.upload(f"{GPT}, {target}", bench.key("somebody", models=[GPT, AZURE]))
    assert (answer.status_code, (answer.json or {})["error"], bench.stand_ins.counts()) == (
        400,
        {
            "message": f"target_model_names: {target!r} is not a model that this key may use. Allowed: {GPT}, {AZURE}.",
            "type": "invalid_request_error",
            "param": "target_model_names",
            "code": None,
        },
        {"openai": 0, "azure": 0, "google": 0},
    )


def test_the_copies_of_a_file_name_only_models_of_this_key(bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}", bench.key("owner", team_id="ours"))
    mate = bench.key("mate", team_id="ours", models=[GPT_BIG])
    copies = (bench.call("GET", f"/files/{file_id}", mate).json or {})["copies"]
    assert [(copy["provider"], copy["model_names"]) for copy in copies] == [("openai", [GPT_BIG]), ("vertex_ai", [])]


def test_the_master_key_uses_every_model_as_one_user(bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    owner = bench.key("default_user_id")
    assert (len((bench.call("GET", "/models").json or {})["data"]), ids(bench.call("GET", "/files", owner))) == (
        4,
        [file_id],
    )
