"""Webhooks: whoever made a batch is told of its end, signed, at least once, and nobody else is spoken to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.batching import created, ended, line, ran, uploaded
from tests.gateway import Bench, StandIns, settings_for
from tests.gateway_fixtures import Sql
from tests.raw_server import Peer, RawServer, Received, Script, serving
from tests.sdk import openai_at

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DUE = "UPDATE batches SET webhook_at = now() WHERE webhook_at IS NOT NULL"
ENDED = "UPDATE batches SET status = %s, ended_at = now() - %s * interval '1 day', webhook_at = now()"
NOT_TOLD = "SELECT count(*) FROM batches WHERE webhook_at IS NOT NULL"
Start = Callable[..., Bench]


def answers(*statuses: str) -> Script:
    """Answers one request a connection, each with the next of these, the last one again and again."""
    left = list(statuses)

    def script(peer: Peer) -> None:
        if peer.receive() is not None:
            peer.answer("", left.pop(0) if len(left) > 1 else left[0])

    return script


@pytest.fixture
def serve() -> Iterator[Callable[[Script], RawServer]]:
    """Starts receivers."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(serving(script))


@pytest.fixture
def start(url: str, stand_ins: StandIns, serve: object) -> Iterator[Start]:
    """Starts gateways that may send to these receivers."""
    with ExitStack() as stack:

        def begin(*receivers: RawServer, secret: str | None = SECRET) -> Bench:
            hosts = [f"127.0.0.1:{receiver.port}" for receiver in receivers]
            settings = settings_for(url, stand_ins, webhook_hosts=[*hosts, "hooks.test"], webhook_secret=secret)
            return stack.enter_context(closing(Bench(settings, stand_ins)))

        yield begin


def address(receiver: RawServer) -> str:
    return f"{receiver.url}/batches?for=me"


def ended_batch(bench: Bench, sql: Sql, receiver: RawServer, status: str = "completed", days_ago: int = 0) -> str:
    """The id of a batch that has ended so, at once, and of which nobody was told."""
    bench.stand_ins.openai.hold_batches()
    batch = created(bench, uploaded(bench, line("a")), webhook_url=address(receiver))
    sql(ENDED, status, days_ago)
    return str(batch["id"])


def event(received: Received) -> Any:
    """What OpenAI's own library reads out of it; it raises for a wrong signature."""
    with openai_at("http://nowhere", "none") as client:
        return client.webhooks.unwrap(received.body, received.headers, secret=SECRET)


def test_the_end_of_a_batch_is_told(serve: Any, start: Start) -> None:
    bench = start(receiver := serve(answers("200 OK")))
    batch = ran(bench, line("a"), webhook_url=address(receiver))
    bench.gateway.reconciler.run_once()
    [received] = receiver.received
    assert (received.line, event(received).to_dict()) == (
        "POST /batches?for=me HTTP/1.1",
        {
            "id": f"evt_{batch['id']}",
            "object": "event",
            "created_at": batch["completed_at"],
            "type": "batch.completed",
            "data": {"id": batch["id"]},
        },
    )


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_every_end_has_a_type_of_openais(status: str, serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("200 OK"))
    bench = start(receiver)
    ended_batch(bench, sql, receiver, status)
    bench.gateway.reconciler.run_once()
    told = event(receiver.received[0])
    assert (told.type, type(told).__name__) == (f"batch.{status}", f"Batch{status.title()}WebhookEvent")


def test_it_is_told_again_under_the_same_id_until_it_is_heard(serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("500 Oh", "429 Later", "204 Thanks"))
    bench = start(receiver)
    batch_id = ended_batch(bench, sql, receiver)
    attempts = []
    for _ in range(4):
        attempts.append(bench.gateway.reconciler.run_once().webhooks)
        sql(DUE)
    told = [(item.headers["webhook-id"], event(item).data.id) for item in receiver.received]
    assert (attempts, told) == ([1, 1, 1, 0], [(f"evt_{batch_id}", batch_id)] * 3)


def test_the_next_attempt_is_not_at_once(serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("503 Later"))
    bench = start(receiver)
    ended_batch(bench, sql, receiver)
    attempts = [bench.gateway.reconciler.run_once().webhooks for _ in range(2)]
    assert (attempts, sql(NOT_TOLD)) == ([1, 0], [(1,)])


@pytest.mark.parametrize(
    ("status", "left"),
    [("200 OK", 0), ("202 Accepted", 0), ("410 Gone", 0), ("302 Found", 1), ("404 Not Found", 1), ("500 Oh", 1)],
)
def test_what_ends_it(status: str, left: int, serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers(status))
    bench = start(receiver)
    ended_batch(bench, sql, receiver)
    bench.gateway.reconciler.run_once()
    assert (len(receiver.received), sql(NOT_TOLD)) == (1, [(left,)])


def test_a_redirect_is_not_followed(serve: Any, start: Start, sql: Sql) -> None:
    inner = serve(answers("200 OK"))
    receiver = serve(answers(f"307 Temporary Redirect\r\nLocation: {inner.url}/"))
    bench = start(receiver, inner)
    ended_batch(bench, sql, receiver)
    bench.gateway.reconciler.run_once()
    assert (len(receiver.received), inner.received) == (1, [])


def test_nobody_listens(serve: Any, start: Start, sql: Sql, caplog: pytest.LogCaptureFixture) -> None:
    with serving(answers("200 OK")) as receiver:
        bench = start(receiver)
        batch_id = ended_batch(bench, sql, receiver)
    bench.gateway.reconciler.run_once()
    said = f"webhook of {batch_id}, attempt 1: 127.0.0.1 could not be reached: Connection refused."
    assert (caplog.messages[-1], sql(NOT_TOLD)) == (said, [(1,)])


def test_after_three_days_it_is_given_up(serve: Any, start: Start, sql: Sql, caplog: pytest.LogCaptureFixture) -> None:
    receiver = serve(answers("500 Oh"))
    bench = start(receiver)
    batch_id = ended_batch(bench, sql, receiver, days_ago=4)
    bench.gateway.reconciler.run_once()
    sql(DUE)
    bench.gateway.reconciler.run_once()
    assert (len(receiver.received), sql(NOT_TOLD), caplog.messages) == (
        1,
        [(0,)],
        [
            f"webhook of {batch_id}, attempt 1: answered with 500",
            f"webhook of {batch_id} is not sent any more: given up after 1 attempts",
        ],
    )


def test_a_receiver_that_hangs_holds_up_nobody(serve: Any, start: Start, sql: Sql) -> None:
    let_go = threading.Event()
    hanging, well = serve(lambda peer: peer.receive() and let_go.wait(20)), serve(answers("200 OK"))
    bench = start(hanging, well)
    ended_batch(bench, sql, hanging)
    batch_id = created(bench, uploaded(bench, line("a")), webhook_url=address(well))["id"]
    sql(f"{ENDED} WHERE id = %s", "completed", 0, batch_id)
    try:
        report = bench.gateway.reconciler.run_once()
        assert (report.webhooks, [event(item).data.id for item in well.received]) == (2, [batch_id])
    finally:
        let_go.set()


def test_an_endless_answer_is_not_read(serve: Any, start: Start, sql: Sql) -> None:
    gone = threading.Event()

    def endless(peer: Peer) -> None:
        peer.receive()
        peer.send("HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                peer.send("x" * 65536)
        except OSError:
            gone.set()

    receiver = serve(endless)
    bench = start(receiver)
    ended_batch(bench, sql, receiver)
    bench.gateway.reconciler.run_once()
    assert (sql(NOT_TOLD), gone.wait(10)) == ([(0,)], True)


def test_two_nodes_tell_it_once(serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("200 OK"))
    benches = [start(receiver), start(receiver)]
    ended_batch(benches[0], sql, receiver)
    threads = [threading.Thread(target=bench.gateway.reconciler.run_once) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.received) == 1


def test_a_retry_is_told_too(serve: Any, start: Start) -> None:
    bench = start(receiver := serve(answers("200 OK", "200 OK")))
    batch = ran(bench, line("bad", temperature=9), webhook_url=address(receiver))
    again = ended(bench, bench.call("POST", f"/batches/{batch['id']}/retry").get_json()["id"])
    bench.gateway.reconciler.run_once()
    assert [event(item).data.id for item in receiver.received] == [batch["id"], again["id"]]


def test_a_host_that_is_allowed_no_more_is_told_nothing(serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("200 OK"))
    ended_batch(start(receiver), sql, receiver)
    start().gateway.reconciler.run_once()
    assert (receiver.received, sql(NOT_TOLD)) == ([], [(0,)])


def test_without_a_secret_events_wait(serve: Any, start: Start, sql: Sql) -> None:
    receiver = serve(answers("200 OK"))
    ended_batch(start(receiver), sql, receiver)
    start(receiver, secret=None).gateway.reconciler.run_once()
    assert (receiver.received, sql(NOT_TOLD)) == ([], [(1,)])


def test_neither_secret_nor_query_is_in_the_log(
    serve: Any, start: Start, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver = serve(answers("500 Oh"))
    bench = start(receiver)
    ended_batch(bench, sql, receiver)
    bench.gateway.reconciler.run_once()
    told = caplog.text + repr(bench.gateway) + repr(bench.gateway.settings)
    assert (SECRET[6:] in told, "for=me" in told) == (False, False)


def refusal(bench: Bench, webhook_url: str) -> tuple[int, str, str]:
    """Status, field and words of the answer to a batch with this address."""
    body = {"input_file_id": "file-x", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    answer = bench.call("POST", "/batches", json={**body, "webhook_url": webhook_url})
    error = answer.get_json()["error"]
    return answer.status_code, error["param"], error["message"]


NOT_LISTED = "'webhook_url' has to be at one of the allowed hosts: hooks.test."
HTTPS_ONLY = "'webhook_url' has to begin with https://; http:// is for this machine only."
NO_USER = "'webhook_url' must not hold a user or a password."
ONE_LINE = "'webhook_url' has to be one percent-encoded line of at most 2048 characters."
NO_ADDRESS = "'webhook_url' has to begin with https:// and a host."


@pytest.mark.parametrize(
    ("webhook_url", "said"),
    [
        ("https://elsewhere.test/", NOT_LISTED),
        ("https://hooks.test:8443/", NOT_LISTED),
        ("https://hooks.test./", NOT_LISTED),
        ("https://a.hooks.test/", NOT_LISTED),
        ("https://elsewhere.test/#hooks.test", NOT_LISTED),
        ("https://elsewhere.test\\hooks.test/", NOT_LISTED),
        ("https://127.0.0.1/", NOT_LISTED),
        ("http://[::1]/", NOT_LISTED),
        ("http://localhost:22/", NOT_LISTED),
        ("http://hooks.test/", HTTPS_ONLY),
        ("http://169.254.169.254/latest/meta-data", HTTPS_ONLY),
        ("https://hooks.test@elsewhere.test/", NO_USER),
        ("https://me:secret@hooks.test/", NO_USER),
        ("https://hooks.test/a b", ONE_LINE),
        ("https://hooks.test/\r\nX-Header: 1", ONE_LINE),
        ("https://hooks.test/ü", ONE_LINE),
        ("https://hooks.test/" + "a" * 2048, ONE_LINE),
        ("", ONE_LINE),
        ("ftp://hooks.test/", NO_ADDRESS),
        ("file:///etc/passwd", NO_ADDRESS),
        ("hooks.test/", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https://hooks.test:port/", "'webhook_url' cannot be read."),
        ("https://[hooks.test/", "'webhook_url' cannot be read."),
    ],
)
def test_an_address_that_is_not_allowed_is_refused(webhook_url: str, said: str, start: Start) -> None:
    assert refusal(start(), webhook_url) == (400, "webhook_url", said)


@pytest.mark.parametrize("webhook_url", ["https://hooks.test/x", "https://HOOKS.test:443/x?y"])
def test_an_allowed_address_is_not_what_is_wrong(webhook_url: str, start: Start) -> None:
    assert refusal(start(), webhook_url)[:2] == (404, "input_file_id")


def test_without_a_secret_no_batch_can_ask_for_a_webhook(start: Start) -> None:
    said = "'webhook_url' cannot be used: this gateway has no general_settings.webhook_secret to sign with."
    assert refusal(start(secret=None), "https://hooks.test/") == (400, "webhook_url", said)
