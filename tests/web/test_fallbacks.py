"""Other groups answer where the requested one cannot: which, in what order, and for whom."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from managed_files.sandbox import OpenAISandbox
from tests.e2e.gateway import wait_until
from tests.gateway import CONTENT, file_part
from tests.gateway_fixtures import Sql
from tests.routed import (
    CHAT,
    LEFT,
    LEFT_MODEL,
    PAIR,
    RIGHT,
    RIGHT_MODEL,
    STUDIO,
    STUDIO_MODEL,
    Start,
    Trio,
    by,
    entry,
    held_stream,
    message,
    told_to_fail,
)

TOO_LONG = {"status": 400, "body": {"error": {"message": "too long", "code": "context_length_exceeded"}}}
REQUESTS, THREADS = 200, 8


@pytest.mark.parametrize(
    "router",
    [
        {"fallbacks": [{LEFT: [RIGHT]}]},
        {"fallbacks": [{"*": [RIGHT]}]},
        {"fallbacks": [{RIGHT: [LEFT]}], "default_fallbacks": [RIGHT]},
        {"fallbacks": [{LEFT: [LEFT, "unknown", RIGHT, STUDIO]}]},
        {"fallbacks": [{LEFT: [RIGHT]}], "default_fallbacks": [STUDIO], "context_window_fallbacks": [{LEFT: [STUDIO]}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_configured_fallback_answers(router: dict[str, Any], stream: bool, trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), **router)
    told_to_fail(trio.left)
    assert by(bench.chat(LEFT, stream=stream)) == (200, RIGHT_MODEL, "2")


def test_retries_come_first_and_count_over_all_groups(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), num_retries=1, fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left)
    told_to_fail(trio.right, times=1)
    assert (by(bench.chat(LEFT)), trio.calls()) == ((200, RIGHT_MODEL, "4"), [2, 2])


@pytest.mark.parametrize(
    ("router", "answers"),
    [
        ({"context_window_fallbacks": [{LEFT: [STUDIO]}], "fallbacks": [{LEFT: [RIGHT]}]}, STUDIO_MODEL),
        ({"context_window_fallbacks": [{RIGHT: [STUDIO]}], "fallbacks": [{LEFT: [RIGHT]}]}, RIGHT_MODEL),
        ({"default_fallbacks": [RIGHT]}, RIGHT_MODEL),
    ],
    ids=["its own", "the usual", "the default"],
)
def test_a_prompt_that_is_too_long_goes_to_a_wider_model(
    router: dict[str, Any], answers: str, trio: Trio, start: Start
) -> None:
    bench = start(trio.apart(), num_retries=3, **router)
    told_to_fail(trio.left, **TOO_LONG)
    assert (by(bench.chat(LEFT)), trio.calls()[0]) == ((200, answers, "2"), 1)


def test_too_long_a_prompt_without_a_wider_model_is_told_as_it_is(trio: Trio, start: Start) -> None:
    told_to_fail(trio.left, **TOO_LONG)
    answer = start(trio.apart()).chat(LEFT)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "context_length_exceeded")


def test_ids_are_resolved_anew(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [STUDIO]}])
    part = file_part(bench.stored(f"{LEFT}, {STUDIO}"))
    told_to_fail(trio.left)
    bench.chat(LEFT, part)
    sent = trio.studio.requests[-1].json()["contents"][0]["parts"][1]
    uri = next(iter(trio.studio.files.values())).uri
    assert sent == {"fileData": {"fileUri": uri, "mimeType": "application/pdf"}}


def test_a_fallback_without_the_file_is_passed_over(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT, STUDIO]}])
    part = file_part(bench.stored(f"{LEFT}, {STUDIO}"))
    told_to_fail(trio.left)
    assert (by(bench.chat(LEFT, part)), trio.calls()) == ((200, STUDIO_MODEL, "2"), [1, 0])


def test_a_group_without_the_file_falls_back_to_one_that_has_it(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT]}])
    assert by(bench.chat(LEFT, file_part(bench.stored(RIGHT)))) == (200, RIGHT_MODEL, "1")


def test_a_group_whose_copy_is_processed_falls_back(trio: Trio, start: Start, sql: Sql) -> None:
    bench = start(trio.apart(), fallbacks=[{STUDIO: [RIGHT]}])
    part = file_part(bench.stored(f"{STUDIO}, {RIGHT}"))
    sql("UPDATE copies SET state = 'processing' WHERE provider = 'gemini'")
    assert by(bench.chat(STUDIO, part)) == (200, RIGHT_MODEL, "1")


def test_a_full_group_falls_back(trio: Trio, start: Start) -> None:
    entries = [entry(LEFT, LEFT_MODEL, trio.left, max_connections=1, timeout=0.1), *trio.apart()[1:]]
    bench = start(entries, fallbacks=[{LEFT: [RIGHT]}])
    with closing(held_stream(bench, LEFT)):
        assert by(bench.chat(LEFT)) == (200, RIGHT_MODEL, "1")


def test_a_group_that_the_key_may_not_use_is_passed_over(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT, STUDIO]}])
    key = bench.key("somebody", models=[LEFT, STUDIO])
    told_to_fail(trio.left)
    assert (by(bench.chat(LEFT, key=key)), trio.calls()) == ((200, STUDIO_MODEL, "2"), [1, 0])


def test_a_request_cannot_reach_a_group_that_its_key_may_not_use(trio: Trio, start: Start) -> None:
    bench = start(trio.apart())
    key = bench.key("somebody", models=[LEFT])
    told_to_fail(trio.left)
    answer = bench.chat(LEFT, key=key, fallbacks=[RIGHT])
    assert (answer.status_code, trio.calls()) == (502, [1, 0])


def test_no_fallback_answers_for_a_model_that_does_not_exist(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), default_fallbacks=[RIGHT])
    assert (bench.chat("gpt-99", fallbacks=[RIGHT]).status_code, trio.calls()) == (404, [0, 0])


def test_a_wrong_request_does_not_fall_back(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), default_fallbacks=[RIGHT])
    told_to_fail(trio.left, status=400)
    assert (bench.chat(LEFT).status_code, trio.calls()) == (400, [1, 0])


@pytest.mark.parametrize(
    "of_the_fallback",
    [
        {"status": 429},
        {"status": 400},
        TOO_LONG,
        {"status": 404},
    ],
    ids=str,
)
def test_the_error_is_that_of_the_requested_group(of_the_fallback: dict[str, Any], trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left)
    told_to_fail(trio.right, **of_the_fallback)
    answer = bench.chat(LEFT)
    assert (answer.status_code, message(answer).split(":")[0], trio.calls()) == (502, "The model left failed", [1, 1])


def test_a_fallback_whose_dialect_lacks_a_word_is_passed_over(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [STUDIO, RIGHT]}])
    told_to_fail(trio.left)
    assert by(bench.chat(LEFT, logit_bias={"50256": -100})) == (200, RIGHT_MODEL, "2")


def test_while_a_group_rests_its_fallback_answers_at_once(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), num_retries=2, allowed_fails=1, cooldown_time=600, fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left)
    told = [by(bench.chat(LEFT))[2] for _ in range(3)]
    assert (told, trio.calls()) == (["3", "1", "1"], [2, 3])


def test_a_fallback_that_rests_is_asked_last(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), allowed_fails=0, cooldown_time=600, fallbacks=[{LEFT: [RIGHT, STUDIO]}])
    told_to_fail(trio.left, trio.right, times=1)
    told = [by(bench.chat(model)) for model in (RIGHT, LEFT, LEFT)]
    assert told == [(502, None, None), (200, STUDIO_MODEL, "2"), (200, STUDIO_MODEL, "1")]


def test_a_group_that_rests_is_asked_all_the_same_if_no_fallback_answers(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), allowed_fails=0, cooldown_time=600, fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left, times=1)
    told_to_fail(trio.right)
    told = [by(bench.chat(LEFT)) for _ in range(2)]
    assert told == [(502, None, None), (200, LEFT_MODEL, "2")]


def test_while_a_group_rests_its_fallback_is_not_for_a_key_without_it(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), allowed_fails=0, cooldown_time=600, fallbacks=[{LEFT: [RIGHT]}])
    key = bench.key("somebody", models=[RIGHT])
    told_to_fail(trio.left)
    bench.chat(LEFT)
    assert bench.chat(LEFT, key=key).status_code == 404


# The request's own


def test_the_requests_own_go_before_the_configured(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left)
    assert by(bench.chat(LEFT, fallbacks=[STUDIO])) == (200, STUDIO_MODEL, "2")


@pytest.mark.parametrize(("own", "status"), [([], 502), (None, 200)])
def test_an_empty_list_means_none_and_null_the_configured(own: Any, status: int, trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), fallbacks=[{LEFT: [RIGHT]}])
    told_to_fail(trio.left)
    assert bench.chat(LEFT, fallbacks=own).status_code == status


@pytest.mark.parametrize("own", ["right", [1], {"left": ["right"]}, [["right"]]], ids=str)
def test_something_else_is_refused_by_name(own: Any, trio: Trio, start: Start) -> None:
    answer = start(trio.apart()).chat(LEFT, fallbacks=own)
    assert (answer.status_code, answer.get_json()["error"]["param"], trio.calls()) == (400, "fallbacks", [0, 0])


@pytest.mark.parametrize("own", [[RIGHT], [], None], ids=str)
def test_they_are_never_forwarded(own: Any, trio: Trio, start: Start) -> None:
    bench = start(trio.apart())
    told_to_fail(trio.left)
    bench.chat(LEFT, fallbacks=own)
    sent = [request.json() for server in (trio.left, trio.right) for request in server.requests]
    assert [body.keys() for body in sent] == [{"model", "messages"}] * len(sent)


# A provider dies


def test_a_provider_that_dies_is_no_clients_error(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), num_retries=2, fallbacks=[{LEFT: [RIGHT]}])
    part = file_part(bench.stored(f"{LEFT}, {RIGHT}"))
    killer = threading.Thread(target=_stop_in_mid_flight, args=(trio.left,))
    killer.start()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: bench.chat(LEFT, part), range(REQUESTS)))
    killer.join()
    told = (
        Counter(answer.status_code for answer in answers),
        all(str(len(CONTENT)) in answer.text for answer in answers),
    )
    assert told == ({200: REQUESTS}, True)


def test_after_a_provider_died_the_pair_goes_on_and_takes_it_back(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1, allowed_fails=0, cooldown_time=0.1)
    trio.left.stop()
    without = {by(bench.chat(PAIR))[:2] for _ in range(20)}
    trio.left.start()
    wait_until(lambda: by(bench.chat(PAIR))[1] == LEFT_MODEL, "the deployment is taken back")
    assert without == {(200, RIGHT_MODEL)}


def _stop_in_mid_flight(server: OpenAISandbox) -> None:
    server.wait_for(lambda request: request.path.startswith(CHAT), count=REQUESTS // 4)
    server.stop()
