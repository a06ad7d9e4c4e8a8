"""A request id on every answer, one log line a request. Never bodies, never keys."""

import json
import logging
import secrets
import sys
import time
from functools import lru_cache

from flask import Flask, Response

from managed_files import tracing
from managed_files.web.incoming import incoming

log = logging.getLogger("managed_files.requests")


def install(app: Flask) -> None:
    """Adds the hooks. The line is written when the last byte has been sent, so that streams are timed whole."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    tracing.start(f"req_{secrets.token_hex(12)}")


def _end(response: Response) -> Response:
    trace, request = tracing.current(), incoming()
    response.headers.add("x-request-id", trace.request_id)
    method, rule, status = request.method, request.url_rule, response.status_code
    route = rule.rule if rule else request.path[:200]
    response.call_on_close(lambda: _write(trace, method, route, status))
    return response


def _write(trace: tracing.Trace, method: str, route: str, status: int) -> None:
    if log.isEnabledFor(logging.INFO):
        facts = {
            "id": trace.request_id,
            "route": f"{method} {route}",
            "status": status,
            "model": trace.model,
            "bytes": trace.bytes,
            "milliseconds": round((time.perf_counter() - trace.began) * 1000, 1),
            "statements": trace.statements,
            "upstream_calls": trace.upstream_calls,
        }
        extra = {"facts": facts}
        log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, "request", (), None, extra=extra))


_encoded = json.JSONEncoder(ensure_ascii=False, default=str).encode


@lru_cache(maxsize=1)  # many lines share a second
def _clock(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


class JSONLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = f"{_clock(int(record.created))},{int(record.msecs):03}"
        facts = {"time": moment, "level": record.levelname, "logger": record.name}
        extra = getattr(record, "facts", None)
        facts |= extra if extra is not None else {"message": record.getMessage()}
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return _encoded(facts)


class ForPeople(logging.Formatter):
    """The same for a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", None)
        if facts is None:
            return super().format(record)
        shown = " ".join(f"{key}={value}" for key, value in facts.items() if key not in ("route", "status") and value)
        line = f"{self.formatTime(record, '%H:%M:%S')} {facts['status']} {facts['route']} {shown}"
        # Addresses and models are a stranger's words: none may clear the screen or begin a line of its own.
        return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def configure_logging() -> None:
    """Our lines to standard error: readable on a terminal, else JSON. A host that has configured logging keeps it."""
    root = logging.getLogger("managed_files")
    if root.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(ForPeople() if sys.stderr.isatty() else JSONLines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
