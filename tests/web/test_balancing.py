"""How chats are shared out among the deployments of a group: by health, strategy and free connections."""

import threading
from contextlib import closing

from managed_files.sandbox import Fault
from tests.e2e.gateway import wait_until
from tests.raw_server import Peer, serving
from tests.routed import (
    CHAT,
    FIRST,
    LAST,
    LEFT,
    LEFT_MODEL,
    PAIR,
    RIGHT_MODEL,
    STORY,
    Start,
    Trio,
    by,
    entry,
    held_stream,
    message,
    told_to_fail,
    who_answers,
)

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


def test_streams_that_only_stop_count_as_failures(trio: Trio, start: Start) -> None:
    bench = start(trio.pair(FIRST, LAST), allowed_fails=0, cooldown_time=600)
    told_to_fail(trio.left, status=200, body=b'data: {"choices": []}\n\n')
    assert [by(bench.chat(PAIR, stream=True))[1] for _ in range(2)] == [LEFT_MODEL, RIGHT_MODEL]


def ends_without_a_last_chunk(peer: Peer) -> None:
    peer.receive()
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\ndata: [DONE]\n\n\n\r\n")


def test_a_stream_that_is_cut_off_after_its_last_word_is_no_failure(trio: Trio, start: Start) -> None:
    with serving(ends_without_a_last_chunk) as server:
        at_server = FIRST | {"api_base": server.url}
        bench = start(trio.pair(at_server, LAST), allowed_fails=0, cooldown_time=600)
        assert [by(bench.chat(PAIR, stream=True))[1] for _ in range(2)] == [LEFT_MODEL] * 2


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
