"""gunicorn's `gthread` worker, but for how it takes leave of clients. Knows sockets; of the gateway nothing."""

from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn waits up to two seconds for a client to close its side, in the thread that accepts all others."""

    def handle(self, conn: Any) -> Any:
        """One request. If it is the connection's last, the wait is over when gunicorn begins its own."""
        kept = super().handle(conn)
        if not kept:
            with suppress(OSError, NotImplementedError):  # closed already; a TLS socket, which has no second descriptor
                close_graceful(conn.sock.dup())
                conn.sock.shutdown(SHUT_RDWR)
        return kept
