"""Connections to one origin: opened, and kept between calls. Knows no request."""

import base64
import os
import select
import ssl
import time
from collections import deque
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import socket
from urllib.parse import SplitResult, unquote

from managed_files.errors import UpstreamError
from managed_files.upstream.environment import Environment

IDLE_SECONDS = 50.0  # shorter than the 60 s and more after which load balancers drop an idle connection
_PORTS = {"http": 80, "https": 443}


def readable(sock: socket) -> bool:
    """Whether bytes, or the end, have arrived. `poll`, for `select` refuses descriptors above 1023."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():  # decrypted already, with what was read before it
        return True
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


class Origin:
    """One scheme, host and port. Safe from many threads and across a fork; opens nothing until it is asked to."""

    def __init__(self, url: SplitResult, environment: Environment, *, connect_timeout: float, max_idle: int):
        if url.scheme not in _PORTS or not url.hostname or url.username is not None:
            raise UpstreamError("refused", f"{url.hostname}: the URL is not http(s)://host[:port]/…", sent=False)
        self.scheme = url.scheme
        self.host = url.hostname
        self.netloc = url.netloc
        self._port = url.port or _PORTS[url.scheme]
        self._proxy = environment.proxy(self.scheme, self.host, self._port)
        self._address = (self.host, self._port)
        if self._proxy is not None:
            self._address = (self._proxy.hostname or "", self._proxy.port or _PORTS["http"])
        self._environment = environment
        self._connect_timeout = connect_timeout
        self._max_idle = max_idle
        # One queue per process: a socket inherited through a fork belongs to the parent. No lock, so a fork cannot
        # catch one held: dict and deque operations are atomic.
        self._idle: dict[int, deque[tuple[float, HTTPConnection]]] = {}

    @property
    def forwarded(self) -> bool:
        """Whether a proxy reads our requests: then they name the whole URL and carry `proxy_headers`."""
        return self._proxy is not None and self.scheme == "http"

    @property
    def proxy_headers(self) -> dict[str, str]:
        """The proxy's credentials, from its URL."""
        if self._proxy is None or self._proxy.username is None:
            return {}
        pair = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def take(self) -> HTTPConnection | None:
        """The connection used last, if one is kept that the other side has not closed."""
        idle = self._queue()
        while idle:
            try:
                since, connection = idle.pop()
            except IndexError:  # another thread was faster
                return None
            if time.monotonic() - since < IDLE_SECONDS and not readable(connection.sock):
                return connection
            connection.close()
        return None

    def keep(self, connection: HTTPConnection) -> None:
        """Takes back a connection on which one whole exchange is over."""
        idle = self._queue()
        if len(idle) >= self._max_idle:
            connection.close()
        else:
            idle.append((time.monotonic(), connection))

    def open(self) -> HTTPConnection:
        """A fresh connection. Raises UpstreamError `refused` or `timeout`, nothing sent."""
        connection = self._connection()
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise UpstreamError("timeout", f"{self.host} could not be reached in time.", sent=False) from error
        except (OSError, HTTPException) as error:
            connection.close()
            reason = getattr(error, "strerror", None) or str(error)
            # http.client before Python 3.11.4 leaves a refusing proxy's answer, and so its socket, open in that frame.
            error.__traceback__ = None
            raise UpstreamError("refused", f"{self.host} could not be reached: {reason}.", sent=False) from error
        return connection

    def close(self) -> None:
        """Closes what is kept."""
        for pid in list(self._idle):
            for _, connection in self._idle.pop(pid, ()):
                connection.close()

    def _connection(self) -> HTTPConnection:
        if self.scheme == "http":
            return HTTPConnection(*self._address, timeout=self._connect_timeout)
        connection = HTTPSConnection(*self._address, timeout=self._connect_timeout, context=self._environment.tls())
        if self._proxy is not None:
            connection.set_tunnel(self.host, self._port, self.proxy_headers)
        return connection

    def _queue(self) -> deque[tuple[float, HTTPConnection]]:
        pid = os.getpid()
        queue = self._idle.get(pid)
        if queue is None:
            self.close()  # the parent's sockets: closing our descriptors leaves its connections alone
            queue = self._idle.setdefault(pid, deque())
        return queue
