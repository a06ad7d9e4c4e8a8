"""gunicorn's configuration: `gunicorn -c python:managed_files.serving wsgi:application`.

MANAGED_FILES_HOST, _PORT, _WORKERS and _THREADS change it. The master starts the embedded database and applies
migrations before the first worker exists, and stops the database after the last one is gone.
"""

import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from app import MIGRATED, configured, database_url
from managed_files import interrupts, migrate
from managed_files.errors import GatewayError
from managed_files.local_postgres import LocalPostgres
from managed_files.web import clients, observe

_STACK_BYTES = 1024 * 1024  # address space, not memory; with a quarter of it, JSON nested 900 deep ends the process
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_WEAK_KEY_LENGTH = 16
_EMBEDDED = "MANAGED_FILES_EMBEDDED_DATABASE"  # tells workers where it is
_WATCH_SECONDS = 2.0
log = logging.getLogger("managed_files.serving")


def _count(variable: str, usual: int) -> int:
    """gunicorn would listen with no worker to answer. Raises ValueError, which ends the start."""
    text = os.environ.get(variable) or str(usual)
    if text.isdecimal() and len(text) < 6 and int(text) > 0:
        return int(text)
    raise ValueError(f"{variable} has to be a number from 1 to 99999, not {text!r}.")


_host = os.environ.get("MANAGED_FILES_HOST", "127.0.0.1")
_name = f"[{_host}]" if ":" in _host and not _host.startswith("[") else _host  # IPv6, as in a URL
bind = [f"{_name}:{os.environ.get('MANAGED_FILES_PORT') or '4000'}"]
workers = _count("MANAGED_FILES_WORKERS", 1)
worker_class = "managed_files.worker.Worker"
threads = _count("MANAGED_FILES_THREADS", 1024)  # one a stream; they exist once they are needed
worker_connections = threads + 256
backlog = 2048
timeout = 60
graceful_timeout = 30
keepalive = 75
control_socket_disable = True
errorlog = "-"
loglevel = "warning"
proc_name = "managed-files"
pythonpath = str(Path(__file__).resolve().parent.parent)


def on_starting(server: Any) -> None:
    """In the master, before any fork. A configuration that cannot be used ends the start with its reason.

    gunicorn listens to signals only after this: a start that is given up would leave its database running.
    """
    interrupts.end_in_order()
    observe.configure_logging()
    try:
        settings = configured()
        if settings.database_url is None:
            os.environ[_EMBEDDED] = str(settings.data_dir.absolute())
        os.environ["DATABASE_URL"] = url = database_url(settings)
        migrate.apply(url)
        os.environ[MIGRATED] = url
    except GatewayError as error:
        sys.exit(f"managed-files: {error.message}")
    warn_about_keys(settings.master_key, server.cfg.address)
    log.info("serving %s on %s", ", ".join(sorted({d.model_group for d in settings.deployments})), bind[0])


def when_ready(server: Any) -> None:
    """In the master, once it listens, before any fork."""
    clients.limit(listener.sock for listener in server.LISTENERS)
    signal.signal(signal.SIGHUP, partial(_hung_up, server, sys.stderr.isatty()))


def _hung_up(server: Any, in_terminal: bool, number: int, frame: Any) -> None:
    """gunicorn starts its workers anew then, which read the configuration, and ends if one of them cannot start.

    In a terminal that was closed it would go on where nobody can end it.
    """
    if in_terminal and not sys.stderr.isatty():
        server.signal(signal.SIGTERM, frame)
        return
    try:
        configured()
    except GatewayError as error:
        log.error("the configuration is not loaded anew: %s", error.message)
    else:
        server.signal(number, frame)


def post_fork(server: Any, worker: Any) -> None:
    """In each worker, before it loads the application.

    Until gunicorn has set the worker's own handlers, those of the master would swallow a signal to end: the master
    would then wait for this worker until the grace period is over.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, _leave)
    threading.stack_size(_STACK_BYTES)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a stream takes two descriptors; many systems allow 1,024
    for name in ("settings", "model_list"):  # the master has said once what the configuration holds in vain
        logging.getLogger(f"managed_files.{name}").setLevel(logging.ERROR)


def post_worker_init(worker: Any) -> None:
    """In each worker, once it can serve: work that waits since the last run does not wait for a request.

    gunicorn's own handler of SIGINT and SIGQUIT takes a lock that the interrupted code may hold, and then hangs until
    the grace period is over. Ctrl-C reaches the workers as well as the master, which tells them what it means, and so
    does the closing of a terminal.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, _leave)
    worker.wsgi.extensions["managed_files"].start()
    if folder := os.environ.get(_EMBEDDED):
        threading.Thread(target=_watch, args=(LocalPostgres(Path(folder)),), name="database", daemon=True).start()
    gc.collect()
    gc.freeze()  # what is there by now stays: looking through all of it again kept every request waiting for 50 ms


def worker_exit(server: Any, worker: Any) -> None:
    """In each worker, at its end."""
    application = getattr(worker, "wsgi", None)  # None: it was told to end while it loaded
    if application is not None:
        application.extensions["managed_files"].close()


def _watch(server: LocalPostgres) -> None:
    """A machine that runs out of memory may end the embedded database, and nobody but its gateway would start it."""
    while True:
        time.sleep(_WATCH_SECONDS)
        try:
            if server.revive():
                log.warning("the embedded database had ended: it was started again")
        except (GatewayError, OSError) as error:
            log.error("the embedded database has ended and does not start: %s", error)


def _leave(*_: object) -> None:
    os._exit(0)


def warn_about_keys(master_key: str | None, address: list[Any]) -> None:
    """A key that anybody would try first is no protection once others can reach the port."""
    if master_key is None:
        log.warning("general_settings.master_key is not set: only keys made with `keys create` work")
    elif len(master_key) < _WEAK_KEY_LENGTH and not all(str(host).startswith(_LOOPBACK) for host, *_ in address):
        log.warning(
            "WARNING: the master key is weak (shorter than %d characters) and the gateway listens on an address that "
            "other machines can reach. Set a long random general_settings.master_key NOW.",
            _WEAK_KEY_LENGTH,
        )
