"""The command `batches` where things go wrong on the way, on a terminal, and when somebody interrupts it."""

import json
import os
import pty
import signal
import termios
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.command import Run, command, runner, saying
from tests.raw_server import Peer, Script, serving

KEY = "sk-a-key-of-this-test"
CLOSING = "200 OK\r\nConnection: close"
Answer = tuple[str, str]
Gateway = Callable[[Script], None]


def batch(status: str, done: int) -> Answer:
    counts = {"total": 4, "completed": done, "failed": 0}
    shape = {"id": "batch_1", "status": status, "request_counts": counts, "output_file_id": "file-1"}
    return "200 OK", json.dumps({**shape, "error_file_id": None})


FILE = "200 OK", json.dumps({"id": "file-1", "bytes": 1_000_000})
RUNNING, DONE = batch("in_progress", 1), batch("completed", 4)
BUSY = "503 Service Unavailable", json.dumps({"error": {"message": "Not now."}})


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    return runner(capfd)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Puts a raw server in the gateway's place."""
    monkeypatch.setenv("MANAGED_FILES_API_KEY", KEY)
    with ExitStack() as stack:
        yield lambda script: monkeypatch.setenv(
            "MANAGED_FILES_BASE_URL", stack.enter_context(serving(script)).url + "/v1/"
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_watch_says_what_is_new(gateway: Gateway, run: Run) -> None:
    gateway(saying(RUNNING, RUNNING, batch("finalizing", 4), DONE))
    done = run("watch", "batch_1", "--interval", "0")
    assert (done.status, done.out, done.err.splitlines()) == (
        0,
        "",
        [
            "batch_1 in_progress: 1 of 4 lines done, 0 of them failed",
            "batch_1 finalizing: 4 of 4 lines done, 0 of them failed",
            "batch_1 completed: 4 of 4 lines done, 0 of them failed",
        ],
    )


def test_a_batch_whose_answer_was_lost_is_asked_for_again_under_one_key(
    gateway: Gateway, run: Run, folder: Path
) -> None:
    (folder / "lines.jsonl").write_text("{}\n")
    keys = []

    def losing(peer: Peer) -> None:
        received = peer.receive()
        if received and "/batches" in received.line:
            keys.append(received.headers["idempotency-key"])
        if len(keys) != 1:
            peer.answer(DONE[1] if keys else FILE[1], CLOSING)

    gateway(losing)
    done = run("submit", str(folder / "lines.jsonl"))
    assert (done.status, done.out, len(keys), len(set(keys))) == (0, "batch_1\n", 2, 1)


def test_an_interrupted_order_leaves_no_file(gateway: Gateway, folder: Path) -> None:
    (folder / "lines.jsonl").write_text("{}\n")
    ordered, asked = threading.Event(), []

    def hanging(peer: Peer) -> None:
        if (received := peer.receive()) is None:
            return
        asked.append(received.line.rsplit(" ", 1)[0])
        if received.line.startswith("POST /v1/batches"):
            ordered.set()
            peer.rfile.read()
        else:
            peer.answer('{"id": "file-1", "deleted": true}', CLOSING)

    gateway(hanging)
    with command("submit", str(folder / "lines.jsonl")) as process:
        assert ordered.wait(20)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=20)
    assert (told, process.returncode, asked) == (
        ("", "managed-files: interrupted\n"),
        1,
        ["POST /v1/files", "POST /v1/batches", "DELETE /v1/files/file-1"],
    )


def test_a_file_that_has_to_stay_is_named(gateway: Gateway, run: Run, folder: Path) -> None:
    (folder / "lines.jsonl").write_text("{}\n")
    runs = "409 Conflict", json.dumps({"error": {"message": "A batch runs."}})
    gateway(saying(FILE, ("400 Bad Request", json.dumps({"error": {"message": "No."}})), runs))
    done = run("submit", str(folder / "lines.jsonl"))
    said = "file-1 stays, and a batch may run from it: 409: A batch runs.\n"
    assert (done.status, done.err) == ("managed-files: 400: No.", said)


def test_watch_waits_for_a_gateway_that_is_away(gateway: Gateway, run: Run) -> None:
    gateway(saying(BUSY, BUSY, DONE))
    done = run("watch", "batch_1", "--interval", "0")
    assert (done.status, done.err.splitlines()) == (
        0,
        ["503: Not now. Asking again.", "batch_1 completed: 4 of 4 lines done, 0 of them failed"],
    )


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_watch_ends_with_1_unless_the_batch_is_completed(status: str, gateway: Gateway, run: Run) -> None:
    gateway(saying(batch(status, 3)))
    assert run("watch", "batch_1").status == 1


def test_an_interrupt_ends_the_watching_only(gateway: Gateway) -> None:
    gateway(saying(RUNNING))
    with command("watch", "batch_1") as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=20)
    assert (first.startswith("batch_1 in_progress"), told, process.returncode) == (
        True,
        ("", "Not watched any more; batch_1 goes on.\n"),
        1,
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (("200 OK", "<html>"), "does not answer like a gateway."),
        (("200 OK", "[]"), "does not answer like a gateway."),
        (("200 OK", '{"object": "list", "data": []}'), "does not answer like a gateway."),
        (("404 Not Found", "<html>"), "managed-files: 404: <html>"),
        (("302 Found\r\nLocation: https://elsewhere.test/", ""), "managed-files: 302: Found"),
        (("500 Oh", f'{{"error": {{"message": "Key {KEY} broke."}}}}'), "managed-files: 500: Key … broke."),
    ],
)
def test_what_no_gateway_says(answer: Answer, said: str, gateway: Gateway, run: Run) -> None:
    gateway(saying(answer))
    assert run("status", "batch_1").status.endswith(said)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    with serving(saying(DONE)) as server:
        address = server.url
    said = f"managed-files: {address} could not be reached, or closed the connection."
    assert run("status", "batch_1", "--base-url", address).status == said


def test_a_key_of_netrc_is_not_taken(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, run: Run, folder: Path) -> None:
    (folder / "netrc").write_text("default login me password secret")
    monkeypatch.setenv("NETRC", str(folder / "netrc"))
    gateway(keys := Keys())
    run("status", "batch_1")
    monkeypatch.delenv("MANAGED_FILES_API_KEY")
    run("status", "batch_1")
    assert keys.seen == [f"Bearer {KEY}", None]


class Keys:
    """Notes what authorizes each request."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    def __call__(self, peer: Peer) -> None:
        if (received := peer.receive()) is not None:
            self.seen.append(received.headers.get("authorization"))
            peer.answer(DONE[1], CLOSING)


def holding(content: str) -> Script:
    """A gateway with one batch, whose output comes in this chunked body."""

    def script(peer: Peer) -> None:
        received = peer.receive()
        if received is None:
            return
        if received.line.split()[1].endswith("/content"):
            peer.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{content}")
        else:
            peer.answer(FILE[1] if "/files/" in received.line else DONE[1], CLOSING)

    return script


def test_a_download_that_breaks_leaves_what_was_there(gateway: Gateway, run: Run, folder: Path) -> None:
    (folder / "out").write_text("older")
    gateway(holding("3\r\nabc\r\n"))
    done = run("fetch", "batch_1", "-o", str(folder / "out"))
    assert (done.status.endswith("broke its answer off."), [(p.name, p.read_text()) for p in folder.iterdir()]) == (
        True,
        [("out", "older")],
    )


def test_a_folder_that_is_not_there(gateway: Gateway, run: Run, folder: Path) -> None:
    gateway(saying(DONE))
    path = str(folder / "none" / "out")
    said = f"managed-files: {path} cannot be written: No such file or directory."
    assert run("fetch", "batch_1", "-o", path).status == said


def test_what_is_no_plain_file_is_written_to_and_not_replaced(gateway: Gateway, run: Run, folder: Path) -> None:
    target, link = folder / "target", folder / "link"
    link.symlink_to(target)
    gateway(holding("3\r\nabc\r\n0\r\n\r\n"))
    statuses = [run("fetch", "batch_1", "-o", path).status for path in (str(link), os.devnull)]
    assert (statuses, target.read_text(), link.is_symlink(), Path(os.devnull).is_char_device()) == (
        [0, 0],
        "abc",
        True,
        True,
    )


def test_an_output_that_is_full(gateway: Gateway) -> None:
    gateway(holding("3\r\nabc\r\n0\r\n\r\n"))
    with Path("/dev/full").open("wb") as full, command("fetch", "batch_1", stdout=full.fileno()) as process:
        told = process.communicate(timeout=20)[1]
    assert (told, process.returncode) == (
        "managed-files: Standard output cannot be written: No space left on device.\n",
        1,
    )


def test_an_upload_is_not_held_in_memory(gateway: Gateway, run: Run, folder: Path) -> None:
    path = folder / "lines.jsonl"
    path.write_bytes(b"x" * 64 * 1024 * 1024)
    gateway(swallow)
    tracemalloc.start()
    done = run("submit", str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (done.out, peak < 4 * 1024 * 1024) == ("batch_1\n", True)


def swallow(peer: Peer) -> None:
    """Reads an upload without keeping it, and answers whatever is asked with a batch."""
    received = peer.head()
    if received is None:
        return
    left = int(received.headers.get("content-length", 0))
    while left and (block := peer.rfile.read(min(left, 65536))):
        left -= len(block)
    peer.answer(DONE[1] if "/batches" in received.line else FILE[1], CLOSING)


def test_a_terminal_gets_bars(gateway: Gateway, folder: Path) -> None:
    (folder / "lines.jsonl").write_text("{}\n")
    gateway(swallow)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with command("submit", str(folder / "lines.jsonl"), "--watch", stderr=theirs) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=20)
    shown = drained(ours)
    assert (process.returncode, out, "upload lines.jsonl: 100%" in shown, "completed: 100%" in shown) == (
        0,
        "batch_1\n",
        True,
        True,
    )


def drained(terminal: int) -> str:
    """Everything that was written to a terminal whose other end is closed."""
    shown = b""
    with suppress(OSError):  # so Linux says that the other end is closed
        while block := os.read(terminal, 65536):
            shown += block
    os.close(terminal)
    return shown.decode()
