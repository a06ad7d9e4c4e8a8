"""One request and its answer over one connection. Knows sockets; no pool, no retry."""

import ssl
from http.client import HTTPConnection, HTTPException
from itertools import chain
from socket import socket

from managed_files.upstream.answer import AnswerBody, failed
from managed_files.upstream.pool import Origin, readable
from managed_files.upstream.request import Blocks
from managed_files.upstream.response import Answer


def exchange(
    origin: Origin, method: str, first: bytes, rest: Blocks, timeout: float, connection: HTTPConnection
) -> tuple[Answer, AnswerBody]:
    """Sends `first` and `rest`, reads the head of the answer. `timeout`: seconds without progress.

    Raises UpstreamError, or what `rest` raises; either way the connection is closed at once, so that the provider
    sees a truncated body. `sent` is false only if the very first send failed: then nothing left this machine.
    """
    if connection.sock.gettimeout() != timeout:  # setting it is a system call, which also hands the interpreter over
        connection.sock.settimeout(timeout)
    answer = Answer(connection.sock, method)
    try:
        _deliver(connection.sock, answer, origin, first, rest)
        return answer, AnswerBody(answer, connection, origin)
    except BaseException:
        connection.close()
        raise


def _deliver(sock: socket, answer: Answer, origin: Origin, first: bytes, rest: Blocks) -> None:
    try:
        taken = sock.send(first)
    except OSError as error:
        raise failed(origin, error, sent=False) from error
    left = (memoryview(first)[taken:],) if taken < len(first) else ()
    for block in chain(left, rest):
        if _refused_early(sock, answer, origin):
            return
        try:
            sock.sendall(block)
        except OSError as error:
            _begin_after(error, sock, answer, origin)
            return
    _begin(answer, origin)


def _refused_early(sock: socket, answer: Answer, origin: Origin) -> bool:
    """Whether the provider said no (401, 413) before it had the whole body: the rest is then not sent."""
    if not _answering(sock, answer):
        return False
    _begin(answer, origin)
    if answer.status < 300:
        return False
    answer.will_close = True
    return True


def _begin_after(error: OSError, sock: socket, answer: Answer, origin: Origin) -> None:
    """The body could not be sent to its end: a refusal explains why, and a success cannot be one."""
    if not _answering(sock, answer):
        raise failed(origin, error, sent=True) from error
    _begin(answer, origin)
    if answer.status < 300:
        raise failed(origin, error, sent=True) from error
    answer.will_close = True


def _begin(answer: Answer, origin: Origin) -> None:
    """Reads status and headers, once."""
    try:
        answer.begin()
    except (OSError, HTTPException, ValueError) as error:
        raise failed(origin, error, sent=True) from error


def _answering(sock: socket, answer: Answer) -> bool:
    """Whether bytes of an answer, or the end, have arrived. Under TLS what arrived may be a session ticket alone."""
    if not readable(sock):
        return False
    if not isinstance(sock, ssl.SSLSocket):
        return True
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        answer.incoming.more()
    except ssl.SSLWantReadError:
        return False
    except OSError:  # told again, and translated, when the answer is read
        return True
    finally:
        sock.settimeout(timeout)
    return True
