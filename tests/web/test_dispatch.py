"""Which deployment of a group answers, when another one is tried, and what a client sees of it."""

import json
import socket
from typing import Any

import pytest

from tests.gateway import file_part
from tests.raw_server import Peer, serving
from tests.routed import (
    FIRST,
    LAST,
    LEFT,
    LEFT_MODEL,
    PAIR,
    RIGHT,
    RIGHT_MODEL,
    STORY,
    STUDIO,
    Start,
    Trio,
    by,
    entry,
    message,
    told_to_fail,
    who_answers,
    words_of,
)

SSE = {"Content-Type": "text/event-stream"}
OVERLOADED = b'data: {"error": {"message": "Overloaded", "type": "server_error"}}'


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


def test_for_who_leaves_before_a_retry_nobody_is_asked_again(
    trio: Trio, start: Start, facts: list[dict[str, Any]]
) -> None:
    theirs, ours = socket.socketpair()

    def refuse(peer: Peer) -> None:
        peer.receive()
        peer.send("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        theirs.close()

    with ours, serving(refuse) as server:
        bench = start([entry(LEFT, LEFT_MODEL, trio.left, api_base=server.url)], num_retries=1)
        body = {"model": LEFT, "messages": [{"role": "user", "content": "Hello"}]}
        bench.call("POST", "/chat/completions", json=body, environ_overrides={"gunicorn.socket": ours})
    assert (facts[-1]["status"], facts[-1]["upstream_calls"]) == (499, 1)


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
        {"headers": SSE, "body": OVERLOADED + b"\n\n"},
        {"headers": SSE, "body": OVERLOADED + b"\r\n\r\ndata: [DONE]\r\n\r\n"},
        {"headers": SSE, "body": b": ping\n\nevent: error\n" + OVERLOADED + b"\n\n"},
        {"headers": SSE, "body": b""},
    ],
    ids=["cut", "an error", "an error with CRLF", "an error after a comment", "nothing"],
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
