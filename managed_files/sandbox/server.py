"""A stand-in's server: a thread a connection, routes, recorded requests, faults. Knows no provider."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from managed_files.sandbox.body import BadRequest, ClientGone
from managed_files.sandbox.control import CONTROL, control_routes
from managed_files.sandbox.exchange import Exchange
from managed_files.sandbox.faults import ConnectionCut, Fault, FaultBook
from managed_files.sandbox.journal import Journal, Recorded
from managed_files.sandbox.routing import Route
from managed_files.sandbox.wire import Connection, Refused, Reply, Request

_log = logging.getLogger(__name__)


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
        control = control_routes(self.requests, self.faults, lambda: self.state(), lambda: self.reset())
        self._routes = [*control, *self.routes()]

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
        self.forget()

    def forget(self) -> None:
        """Forgets whatever is stored."""

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
        """Closes every connection and waits for their threads. Nothing stays but the port, for another `start`."""
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
        self.forget()

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
        headers = {name.lower(): value for name, value in request.headers.items()}
        recorded = Recorded(request.method, request.path, request.query, headers)
        if not request.path.startswith(CONTROL):
            self.requests.add(recorded)
        fault = self.faults.take(request.method, request.path) or Fault()
        exchange = Exchange(request, recorded, self.requests, fault, self._stopping, self.receive_rate)
        try:
            return self._answer(connection, exchange)
        except ConnectionCut as cut:
            self.requests.note(recorded, error=f"cut {cut}")
            connection.reset()
        except (BadRequest, ClientGone, OSError) as gone:
            self.requests.note(recorded, error=f"client gone: {type(gone).__name__}")
        finally:
            self.requests.note(recorded, finished=True)
        return False

    def _answer(self, connection: Connection, exchange: Exchange) -> bool:
        request, status = exchange.request, exchange.fault.status
        with exchange.prepare():
            if status is None:
                reply = self._reply(request)
            else:
                reply = exchange.refusal(self.error(request, status, "The sandbox was told to fail."))
        reply = exchange.disturbed(reply)
        keep_alive = request.body.ended and request.headers.get("Connection", "").lower() != "close"
        self.requests.note(exchange.recorded, status=reply.status)
        connection.send(reply, keep_alive=keep_alive, with_body=request.method != "HEAD")
        if not request.body.ended:
            connection.linger(request.body)
        return keep_alive

    def _reply(self, request: Request) -> Reply:
        try:
            return self._dispatch(request)
        except Refused as refused:
            return refused.reply
        except (BadRequest, ClientGone, ConnectionCut, OSError):
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
