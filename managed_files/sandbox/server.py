"""A stand-in's server: a thread a connection, routes, recorded requests, faults. Knows no provider."""

import contextlib
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from managed_files.sandbox.faults import BodyCutter, ConnectionCut, Fault, FaultBook, Pacer
from managed_files.sandbox.journal import BodyTap, Journal, Recorded
from managed_files.sandbox.wire import (
    BadRequest,
    ClientGone,
    Connection,
    Refused,
    Reply,
    Request,
    json_reply,
)

_log = logging.getLogger(__name__)
_PIECES_BEFORE_CUT = 3

Handler = Callable[[Request], Reply]


@dataclass(frozen=True)
class Route:
    """`pattern` has `{name}` for one path segment, which arrives decoded in the arguments."""

    method: str
    pattern: str
    handler: Handler

    def match(self, path: str) -> dict[str, str] | None:
        found = self._regex.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.pattern)))


class Server:
    """A real HTTP/1.1 server on 127.0.0.1. Subclasses give `routes` and the provider's error envelope.

    `receive_rate`: bytes a second at which every request's body is read, or None. `requests`: what came in.
    """

    def __init__(self, *, port: int = 0, receive_rate: float | None = None):
        self._port = port
        self.receive_rate = receive_rate
        self.requests = Journal()
        self.faults = FaultBook()
        self._stopping = threading.Event()
        self._open: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._routes = self.routes()

    def routes(self) -> list[Route]:
        """What the stand-in answers, first match first."""
        raise NotImplementedError

    def error(self, request: Request, status: int, message: str) -> Reply:
        """An error in the provider's envelope."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forgets recorded requests, faults, and whatever is stored."""
        self.requests.clear()
        self.faults.clear()

    def state(self) -> Any:
        """What is stored, as plain JSON values."""
        raise NotImplementedError

    # Life

    def start(self) -> Self:
        self._stopping.clear()
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=2048)
        self._port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"sandbox-{self._port}", daemon=True)
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Closes every connection and waits for their threads. The port stays ours for another `start`."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port)).close()  # wakes `accept`
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            connections = dict(self._open)
        for connection, thread in connections.items():
            connection.wake()
            thread.join(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def inject(self, fault: Fault) -> None:
        """The next requests that match go wrong as told."""
        self.faults.add(fault)

    def wait_for(self, wanted: Callable[[Recorded], bool], timeout: float = 10.0, count: int = 1) -> list[Recorded]:
        """Blocks until `count` recorded requests satisfy `wanted` and returns them. Raises TimeoutError."""
        return self.requests.wait_for(wanted, timeout, count)

    # One connection

    def _accept(self) -> None:
        while not self._stopping.is_set():
            sock, _ = self._listener.accept()
            connection = Connection(sock)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            while not self._stopping.is_set() and (request := connection.next_request()):
                if not self._exchange(connection, request):
                    break
        except (OSError, BadRequest):
            pass  # the peer hung up or does not speak HTTP
        finally:
            connection.close()
            with self._lock:
                self._open.pop(connection, None)

    def _exchange(self, connection: Connection, request: Request) -> bool:
        """Answers one request. Returns whether the connection can be used again."""
        recorded = Recorded(request.method, request.path, request.query, _plain_headers(request))
        if not request.path.startswith("/__sandbox__"):
            self.requests.add(recorded)
        fault = self.faults.take(request.method, request.path) or Fault(times=None)
        tap = BodyTap(self.requests, recorded)
        try:
            return self._answer(connection, request, recorded, fault, tap)
        except ConnectionCut as cut:
            self.requests.note(recorded, error=f"cut {cut}")
            connection.reset()
        except (ClientGone, OSError) as gone:
            self.requests.note(recorded, error=f"client gone: {type(gone).__name__}")
        finally:
            tap.close()
            self.requests.note(recorded, finished=True)
        return False

    def _answer(self, connection: Connection, request: Request, recorded: Recorded, fault: Fault, tap: BodyTap) -> bool:
        self._prepare(request, fault, tap)
        reply = self._faulty_reply(request, fault) if fault.status else self._reply(request)
        if fault.cut == "after_commit":
            raise ConnectionCut(fault.cut)
        reply = self._disturbed(reply, recorded, fault)
        keep_alive = request.body.ended and request.headers.get("Connection", "").lower() != "close"
        tap.close()
        self.requests.note(recorded, status=reply.status)
        connection.send(reply, keep_alive=keep_alive, with_body=request.method != "HEAD")
        if not request.body.ended:
            connection.linger(request.body)
        return keep_alive

    def _prepare(self, request: Request, fault: Fault, tap: BodyTap) -> None:
        if fault.cut == "before":
            raise ConnectionCut(fault.cut)
        request.body.taps.append(tap)
        if rate := fault.receive_rate or self.receive_rate:
            request.body.taps.append(Pacer(rate, self._stopping))
        if fault.cut == "mid_body":
            request.body.taps.append(BodyCutter(request.body.length))

    def _faulty_reply(self, request: Request, fault: Fault) -> Reply:
        if fault.read_body:
            for _ in request.body:
                pass
        status = fault.status or 500
        if fault.body is None:
            reply = self.error(request, status, "The sandbox was told to fail.")
        elif isinstance(fault.body, bytes):
            reply = Reply(status, fault.body)
        else:
            reply = json_reply(fault.body, status)
        return replace(reply, headers={**reply.headers, **fault.headers})

    def _reply(self, request: Request) -> Reply:
        try:
            return self._dispatch(request)
        except Refused as refused:
            return refused.reply
        except (ClientGone, ConnectionCut, OSError):
            raise
        except Exception as bug:
            _log.exception("the sandbox itself failed on %s %s", request.method, request.path)
            return self.error(request, 500, f"The sandbox itself failed: {bug!r}")

    def _dispatch(self, request: Request) -> Reply:
        for route in self._routes:
            args = route.match(request.path) if route.method == request.method else None
            if args is not None:
                return route.handler(request.with_args(args))
        return self.error(request, 404, f"Invalid URL ({request.method} {request.path})")

    def _disturbed(self, reply: Reply, recorded: Recorded, fault: Fault) -> Reply:
        self._stopping.wait(fault.delay)
        if not isinstance(reply.body, bytes):
            return replace(reply, body=self._slowly(reply.body, recorded, fault))
        if fault.gate:
            fault.gate.wait()
        if fault.cut != "mid_stream":
            return reply
        half = iter((reply.body[: len(reply.body) // 2],))
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        return Reply(reply.status, self._slowly(half, recorded, fault), headers)

    def _slowly(self, pieces: Iterator[bytes], recorded: Recorded, fault: Fault) -> Iterator[bytes]:
        for number, piece in enumerate(pieces):
            if number == 1 and fault.gate:
                fault.gate.wait()
            if number and fault.piece_delay:
                self._stopping.wait(fault.piece_delay)
            if number == _PIECES_BEFORE_CUT and fault.cut == "mid_stream":
                break
            recorded.sent.append((time.monotonic(), len(piece)))
            yield piece
        if fault.cut == "mid_stream":
            raise ConnectionCut(fault.cut)


def _plain_headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
