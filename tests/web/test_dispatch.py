"""Which deployment of a group answers, when another one is tried, and what a client sees of it."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from managed_files.sandbox import Fault
from tests import routed
from tests.gateway import Bench, StandIns, file_part
from tests.routed import (
    CHAT,
    LEFT,
    LEFT_MODEL,
    PAIR,
    RIGHT,
    RIGHT_MODEL,
    STUDIO,
    Start,
    Trio,
    by,
    entry,
    held_stream,
    message,
    told_to_fail,
    wait_until,
)

SSE = {"Content-Type": "text/event-stream"}
FIRST, LAST = {"weight": 1e9}, {"weight": 1e-9}
STORY = {"type": "text", "text": "Tell me a long story. " * 20}


@pytest.fixture
def trio() -> Iterator[Trio]:
    with routed.running_trio() as trio:
        yield trio


@pytest.fixture
def start(url: str, stand_ins: StandIns) -> Iterator[Start]:
    """Starts gateways, ended with the test."""
    with ExitStack() as stack:
        yield lambda entries, **router: stack.enter_context(closing(routed.gateway(url, stand_ins, entries, **router)))


def who_answers(bench: Bench, *parts: Any, times: int = 20) -> Counter[str | None]:
    """The deployments that answered, and how often."""
    return Counter(by(bench.chat(PAIR, *parts))[1] for _ in range(times))


def words_of(stream: str) -> tuple[str, str]:
    """The text of a stream, and its last event."""
    *events, last = [event.removeprefix("data: ") for event in stream.strip().split("\n\n")]
    chunks = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in chunks), last


# Who may answer


def test_an_upload_reaches_every_account_of_a_group_once(trio: Trio, start: Start) -> None:
    start(trio.pair()).stored(f"{PAIR}, {LEFT}")
    assert (len(trio.left.files), len(trio.right.files)) == (1, 1)


def test_both_deployments_of_a_group_answer(trio: Trio, start: Start) -> None:
    assert who_answers(start(trio.pair()), times=40).keys() == {LEFT_MODEL, RIGHT_MODEL}


def test_only_a_deployment_that_holds_the_file_is_asked(trio: Trio, start: Start) -> None:
    bench = start(trio.pair())
    assert who_answers(bench, file_part(bench.stored(RIGHT))) == {RIGHT_MODEL: 20}


def test_only_a_deployment_that_holds_every_file_is_asked(trio: Trio, start: Start) -> None:
    bench = start(trio.pair())
    parts = [file_part(bench.stored(targets)) for targets in (PAIR, LEFT)]
    assert who_answers(bench, *parts) == {LEFT_MODEL: 20}


def test_a_failing_holder_is_not_replaced_by_one_without_the_file(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1)
    part = file_part(bench.stored(LEFT))
    told_to_fail(trio.left)
    assert (bench.chat(PAIR, part).status_code, trio.calls()) == (502, [2, 0])


def test_without_a_candidate_each_file_is_told_with_the_models_that_have_it(trio: Trio, start: Start) -> None:
    bench = start(trio.pair())
    left, right = bench.stored(LEFT), bench.stored(RIGHT)
    answer = bench.chat(STUDIO, file_part(left), file_part(right))
    has = "has no copy that the model studio can use. Models that have one:"
    assert (answer.status_code, message(answer)) == (
        400,
        f"The file {left} {has} pair, left. The file {right} {has} pair, right. "
        "Use one of them, or upload again with studio among the target_model_names.",
    )


def test_files_that_no_single_deployment_holds(trio: Trio, start: Start) -> None:
    bench = start(trio.pair())
    answer = bench.chat(PAIR, file_part(bench.stored(LEFT)), file_part(bench.stored(RIGHT)))
    assert (answer.status_code, "No single deployment of the model pair" in message(answer)) == (400, True)


def test_where_one_dialect_lacks_a_word_another_answers(trio: Trio, start: Start) -> None:
    studio = {**trio.apart()[2], "model_name": PAIR}
    bench = start([entry(PAIR, LEFT_MODEL, trio.left), studio])
    told = {by(bench.chat(PAIR, logit_bias={"50256": -100})) for _ in range(10)}
    assert told == {(200, LEFT_MODEL, "1")}


def test_where_all_dialects_lack_a_word_it_is_refused(trio: Trio, start: Start) -> None:
    answer = start(trio.apart()).chat(STUDIO, logit_bias={"50256": -100})
    assert (answer.status_code, (answer.get_json())["error"]["param"]) == (400, "logit_bias")


# Retries


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "60"}},
        {"status": 500},
        {"status": 503},
        {"status": 401},
        {"status": None, "cut": "before"},
        {"status": None, "cut": "after_commit"},
    ],
    ids=str,
)
def test_another_deployment_answers_at_once(fault: dict[str, Any], trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1)
    told_to_fail(trio.left, **fault)
    assert who_answers(bench, times=10) == {RIGHT_MODEL: 10}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_deployment_that_takes_longer_than_its_time_out(stream: bool, trio: Trio, start: Start) -> None:
    limits = {"stream_timeout": 0.2, "timeout": 60} if stream else {"stream_timeout": 60, "timeout": 0.2}
    bench = start(trio.pair(left=limits | FIRST, right=LAST), num_retries=1)
    told_to_fail(trio.left, status=None, delay=20.0)
    answer = bench.chat(PAIR, stream=stream)
    assert (by(answer), trio.calls()) == ((200, RIGHT_MODEL, "2"), [1, 1])


def test_a_deployment_that_was_tried_is_tried_again_last(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=2)
    told_to_fail(trio.left, trio.right, times=1)
    status, _, attempts = by(bench.chat(PAIR))
    assert (status, attempts, sorted(trio.calls())) == (200, "3", [1, 2])


def test_retry_after_is_waited_for_where_there_is_no_other(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), num_retries=1)
    told_to_fail(trio.left, status=429, headers={"Retry-After": "1"}, times=1)
    told = by(bench.chat(LEFT))
    first, second = trio.left.requests
    assert (told, second.at - first.at >= 1.0) == ((200, LEFT_MODEL, "2"), True)


def test_a_long_retry_after_is_the_clients_to_wait_for(trio: Trio, start: Start) -> None:
    bench = start(trio.apart(), num_retries=5)
    told_to_fail(trio.left, status=429, headers={"Retry-After": "61"})
    answer = bench.chat(LEFT)
    assert (answer.status_code, answer.headers["Retry-After"], trio.calls()) == (429, "61", [1, 0])


def test_the_last_failure_is_told_when_all_have_failed(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1)
    told_to_fail(trio.left, trio.right)
    answer = bench.chat(PAIR)
    assert (answer.status_code, message(answer), trio.calls()) == (
        502,
        "The model pair failed: openai answered 503: The sandbox was told to fail.",
        [1, 1],
    )


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_request_is_tried_nowhere_else(status: int, trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=3)
    told_to_fail(trio.left, trio.right, status=status)
    assert (bench.chat(PAIR).status_code, sum(trio.calls())) == (status, 1)


def test_without_retries_one_failure_is_the_answer(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=0)
    told_to_fail(trio.left, trio.right)
    assert (bench.chat(PAIR).status_code, sum(trio.calls())) == (502, 1)


# Streams


@pytest.mark.parametrize(
    "fault",
    [
        {"headers": SSE, "body": b'data: {"choices": [{"delta": {"content"' * 2, "cut": "mid_stream"},
        {"headers": SSE, "body": b'data: {"error": {"message": "Overloaded", "type": "server_error"}}\n\n'},
        {"headers": SSE, "body": b""},
    ],
    ids=["cut", "an error", "nothing"],
)
def test_a_stream_that_breaks_before_its_first_event_is_tried_elsewhere(
    fault: dict[str, Any], trio: Trio, start: Start
) -> None:
    bench = start(trio.pair(FIRST, LAST), num_retries=1)
    told_to_fail(trio.left, status=200, **fault)
    answer = bench.chat(PAIR, stream=True)
    words, last = words_of(answer.text)
    assert (by(answer), "You said" in words, last) == ((200, RIGHT_MODEL, "2"), True, "[DONE]")


def test_a_stream_that_breaks_after_its_first_event_is_not(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=3)
    told_to_fail(trio.left, trio.right, status=None, cut="mid_stream", pieces=20, piece_delay=0.01)
    answer = bench.chat(PAIR, STORY, stream=True)
    last = json.loads(words_of(answer.text)[1])
    assert (answer.status_code, last["error"]["code"], sum(trio.calls())) == (200, "stream_interrupted", 1)


def test_a_stream_that_begins_with_a_wrong_request_is_a_400(trio: Trio, start: Start) -> None:
    body = b'data: {"error": {"message": "No such tool.", "type": "invalid_request_error", "code": null}}\n\n'
    bench = start(trio.apart(), num_retries=3)
    told_to_fail(trio.left, status=200, headers=SSE, body=body)
    answer = bench.chat(LEFT, stream=True)
    assert (answer.status_code, message(answer), trio.calls()) == (
        400,
        "The model left failed: openai answered with an error: No such tool.",
        [1, 0],
    )


def test_words_of_an_error_inside_an_answer_are_no_error(trio: Trio, start: Start) -> None:
    answer = start(trio.apart()).chat(LEFT, {"type": "text", "text": '{"error": {"message": "no"}}'}, stream=True)
    assert words_of(answer.text)[1] == "[DONE]"


# Health


def test_a_deployment_that_keeps_failing_is_left_alone(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1, allowed_fails=2, cooldown_time=600)
    told_to_fail(trio.left)
    statuses = {bench.chat(PAIR).status_code for _ in range(60)}
    assert (statuses, trio.calls()) == ({200}, [3, 60])


def test_streams_that_break_midway_count_as_failures(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), allowed_fails=0, cooldown_time=600)
    told_to_fail(trio.left, status=None, cut="mid_stream", pieces=20, piece_delay=0.01)
    for _ in range(30):
        bench.chat(PAIR, STORY, stream=True)
    assert trio.calls() == [1, 29]


def test_after_its_rest_a_deployment_answers_again(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(FIRST, LAST), num_retries=1, allowed_fails=0, cooldown_time=0.2)
    told_to_fail(trio.left, times=1)
    told = [by(bench.chat(PAIR)), by(bench.chat(PAIR))]
    wait_until(lambda: by(bench.chat(PAIR))[1] == LEFT_MODEL, "the deployment has rested")
    assert told == [(200, RIGHT_MODEL, "2"), (200, RIGHT_MODEL, "1")]


def test_where_all_rest_they_are_asked_all_the_same(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), num_retries=1, allowed_fails=0, cooldown_time=600)
    told_to_fail(trio.left, trio.right, times=1)
    assert [bench.chat(PAIR).status_code for _ in range(3)] == [502, 200, 200]


# Strategies


def test_least_busy_passes_over_who_holds_a_stream(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), routing_strategy="least-busy")
    with closing(held_stream(bench, PAIR)) as held:
        free = ({LEFT_MODEL, RIGHT_MODEL} - {held.headers["x-managed-files-deployment"]}).pop()
        busy = who_answers(bench)
    assert (busy, len(who_answers(bench, times=40))) == ({free: 20}, 2)


def test_latency_based_routing_takes_the_faster_one(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(), routing_strategy="latency-based-routing")
    told_to_fail(trio.left, status=None, delay=0.3)
    first = who_answers(bench, times=2)  # nothing is known yet, so each is tried
    assert (first, who_answers(bench, times=10)) == ({LEFT_MODEL: 1, RIGHT_MODEL: 1}, {RIGHT_MODEL: 10})


def test_weights_decide(trio: Trio, start: Start) -> None:
    assert who_answers(start(trio.pair(FIRST, LAST))) == {LEFT_MODEL: 20}


def test_a_spent_rpm_is_passed_over(trio: Trio, start: Start) -> None:
    answers = who_answers(start(trio.pair(left={"rpm": 3}, right={"rpm": 1000})), times=40)
    assert answers[LEFT_MODEL] <= 3


def test_the_second_entry_of_one_model_is_told_by_its_number(trio: Trio, start: Start) -> None:
    bench = start([entry(PAIR, LEFT_MODEL, trio.left), entry(PAIR, LEFT_MODEL, trio.right)])
    assert who_answers(bench, times=40).keys() == {LEFT_MODEL, f"{LEFT_MODEL}#2"}


# Connections


def test_a_full_account_leaves_the_call_to_another(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(FIRST | {"max_connections": 1}, LAST))
    with closing(held_stream(bench, PAIR)):
        busy = who_answers(bench, times=5)
    assert (busy, who_answers(bench, times=5)) == ({RIGHT_MODEL: 5}, {LEFT_MODEL: 5})


def test_where_no_connection_comes_free_the_client_may_come_back(trio: Trio, start: Start) -> None:
    bench = start([entry(LEFT, LEFT_MODEL, trio.left, max_connections=1, timeout=0.1)])
    with closing(held_stream(bench, LEFT)):
        answer = bench.chat(LEFT)
    told = answer.status_code, answer.headers["Retry-After"], message(answer)
    busy = "All connections that the model left may use are busy. Try again soon."
    assert (told, bench.chat(LEFT).status_code) == ((503, "1", busy), 200)


def test_a_call_waits_for_a_connection(trio: Trio, start: Start) -> None:
    bench, gate = start([entry(LEFT, LEFT_MODEL, trio.left, max_connections=2)]), threading.Event()
    trio.left.inject(Fault(path=CHAT, gate=gate, times=2))
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(bench.chat(LEFT).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    trio.left.wait_for(lambda request: request.path.startswith(CHAT), count=2)
    before = trio.calls()[0]
    gate.set()
    for thread in threads:
        thread.join()
    assert (before, statuses) == (2, [200] * 6)


# Fields that a dialect cannot express


@pytest.mark.parametrize(
    ("everywhere", "here", "status", "dropped"),
    [
        (True, None, 200, "logit_bias, vendor_option"),
        (False, True, 200, "logit_bias, vendor_option"),
        (True, False, 400, None),
        (False, None, 400, None),
    ],
)
def test_drop_params(
    everywhere: bool, here: bool | None, status: int, dropped: str | None, trio: Trio, start: Start
) -> None:
    studio = trio.apart()[2]
    studio["litellm_params"]["drop_params"] = here
    bench = start([studio], drop_params=everywhere)
    answer = bench.chat(STUDIO, logit_bias={"1": 1}, vendor_option=1, temperature=0.5)
    told = answer.headers.get("x-managed-files-dropped-params")
    assert (answer.status_code, told and ", ".join(sorted(told.split(", ")))) == (status, dropped)


def test_what_is_dropped_is_told_on_a_stream_too(trio: Trio, start: Start) -> None:
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, stream=True, logit_bias={"1": 1})
    assert (answer.headers["x-managed-files-dropped-params"], words_of(answer.text)[1]) == ("logit_bias", "[DONE]")


def test_a_field_with_a_hostile_name_is_dropped_and_told_harmlessly(trio: Trio, start: Start) -> None:
    fields: dict[str, Any] = {"a\r\nSet-Cookie: b=ü": 1}
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, **fields)
    told = answer.headers["x-managed-files-dropped-params"], answer.headers.get("Set-Cookie")
    assert told == ("a%0D%0ASet-Cookie%3A%20b%3D%C3%BC", None)


def test_nothing_is_dropped_from_a_message(trio: Trio, start: Start) -> None:
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, {"type": "hologram", "hologram": {}})
    assert answer.status_code == 400
