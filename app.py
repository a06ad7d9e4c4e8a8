"""Builds the gateway: each part once, top to bottom, and the Flask application that serves it."""

import atexit
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from managed_files import migrate
from managed_files.database import Database
from managed_files.errors import ConfigError
from managed_files.fanout import Fanout
from managed_files.keys import KeyRepository
from managed_files.local_postgres import LocalPostgres
from managed_files.providers.registry import CATALOG, build
from managed_files.repository import FileRepository
from managed_files.services.attempt import Tools
from managed_files.services.batches import wiring
from managed_files.services.batches.wiring import BatchServices
from managed_files.services.calls import Calls
from managed_files.services.completions import Completions
from managed_files.services.deletion import Deletion
from managed_files.services.dispatch import Dispatch
from managed_files.services.files import Files
from managed_files.services.health import Health
from managed_files.services.leases import LeaseKeeper
from managed_files.services.reconciler import Reconciler, ReconcilerThread
from managed_files.services.steps import AT_ONCE
from managed_files.settings import Settings, load
from managed_files.upstream import Upstream
from managed_files.web import admin, batches, clients, completions, errors, files, health, models, observe
from managed_files.web.auth import Authenticator

MIGRATED = "MANAGED_FILES_MIGRATED"  # tells workers which database their master has brought up to date
_MIB = 1024 * 1024
log = logging.getLogger("managed_files.app")


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts that outlive a request. Threads and sockets appear at first use, after any fork."""

    settings: Settings
    database: Database
    repository: FileRepository
    keys: KeyRepository
    files: Files
    completions: Completions
    reconciler: Reconciler
    background: ReconcilerThread
    lines: BatchServices
    threads: tuple[Fanout, ...]
    upstream: Upstream

    def start(self) -> None:
        """Begins what goes on beside the requests, once in each process."""
        self.background.start()
        self.lines.runner.start()

    def close(self) -> None:
        """Ends the background after its pass, waits for deletes that outlived theirs, and gives connections back."""
        self.background.stop()
        self.lines.close()
        for threads in self.threads:
            threads.close()
        self.database.close()
        self.upstream.close()


class LeanFlask(Flask):
    """Without the questions that every request would ask, and that have one answer here."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook is a coroutine; Flask asks that six times a request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """No rule names a host and no address is built, so the host's name is neither read nor encoded."""
        if request is None:
            return None
        path = request.environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")  # as PEP 3333 spells it
        return self.url_map.bind("", default_method=request.method, path_info=path)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Without settings they are read from the file that `config_path` finds."""
    observe.configure_logging()
    settings = settings or configured()
    url = database_url(settings)
    _migrate(url)
    gateway = build_gateway(settings, url)
    app = LeanFlask("managed_files", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would lose an upload's body
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider, which Flask types by its base
    app.extensions["managed_files"] = gateway
    observe.install(app)
    clients.install(app)
    errors.install(app)
    app.before_request(gateway.start)
    _register(app, gateway)
    return app


def build_gateway(settings: Settings, url: str) -> Gateway:
    """Wires the parts together, for the application and for commands that serve nothing."""
    database = Database(url, max_connections=settings.database_connections)
    repository, keys, upstream = FileRepository(database), KeyRepository(database), Upstream()
    providers = {name: build(account, upstream) for name, account in settings.accounts.items()}
    deletes, copies = Fanout(16), Fanout(AT_ONCE)
    deletion = Deletion(repository, providers, deletes)
    tools = Tools(repository, providers, Fanout(256), LeaseKeeper(repository), deletion, settings.processing_timeout)
    router = settings.router
    calls = Calls(providers, upstream, router.drop_params)
    health = Health(router.allowed_fails, router.cooldown_time)
    dispatch = Dispatch(settings.deployments, calls, health, router)
    lines = wiring.build(settings, database, upstream, tools, calls, dispatch)
    reconciler = Reconciler(repository, providers, deletion, lines.follower, lines.webhooks, copies)
    return Gateway(
        settings=settings,
        database=database,
        repository=repository,
        keys=keys,
        files=Files(settings.deployments, tools, lines.uploads, lines.batches, settings.default_target_model_names),
        completions=Completions(repository, dispatch, settings.allow_provider_file_ids),
        reconciler=reconciler,
        background=ReconcilerThread(reconciler, database, settings.reconcile_interval),
        lines=lines,
        threads=(deletes, copies),
        upstream=upstream,
    )


def configured() -> Settings:
    """What the configuration file says. Its variables count for libraries too, such as google-auth. ConfigError."""
    settings = load(config_path(), CATALOG)
    try:
        os.environ.update(settings.variables)
    except ValueError as error:
        raise ConfigError(f"environment_variables: {error}") from error
    return settings


def config_path() -> Path:
    """MANAGED_FILES_CONFIG, LiteLLM's CONFIG_FILE_PATH, or config.yaml here."""
    return Path(os.environ.get("MANAGED_FILES_CONFIG") or os.environ.get("CONFIG_FILE_PATH") or "config.yaml")


def _migrate(url: str) -> None:
    """gunicorn ends with a worker that cannot start. One that is born while the database is away shall not end others
    that wait for it too."""
    try:
        migrate.apply(url)
    except migrate.Unreachable as error:
        if os.environ.get(MIGRATED) != url:
            raise
        log.warning("this worker starts without its database: %s", error.message)


def database_url(settings: Settings) -> str:
    """The configured URL, or that of the embedded server, which this process then uses until it ends."""
    if settings.database_url:
        return settings.database_url
    server = LocalPostgres(settings.data_dir)
    atexit.register(server.stop)
    return server.start()


def _register(app: Flask, gateway: Gateway) -> None:
    """Every route twice: the OpenAI SDKs are used with and without /v1 in their base URL."""
    settings = gateway.settings
    auth = Authenticator(settings.master_key, gateway.keys)
    blueprints = [
        files.blueprint(auth, gateway.files, settings.max_file_size_mb * _MIB),
        batches.blueprint(auth, gateway.lines.batches),
        completions.blueprint(auth, gateway.completions, settings.max_request_size_mb * _MIB),
        models.blueprint(auth, settings.deployments),
        admin.blueprint(auth, gateway.keys),
        health.blueprint(lambda: migrate.is_current(gateway.database)),
    ]
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
        app.register_blueprint(blueprint, url_prefix="/v1", name=f"{blueprint.name}_v1")
