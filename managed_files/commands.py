"""What the commands do. Each uses the gateway's own parts, without serving."""

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from app import Gateway, build_gateway, configured, database_url
from managed_files import interrupts, migrate
from managed_files.database import Row
from managed_files.keys import NewKey, digest_of, seconds_of
from managed_files.settings import Settings
from managed_files.web import observe

_CLI_ACTOR = "command line"


def migrate_database() -> list[str]:
    """The names of the migrations that were applied."""
    with _settings_and_url() as (_, url):
        return migrate.apply(url)


def reconcile() -> dict[str, int]:
    """One pass; what it did."""
    with _gateway() as gateway:
        return asdict(gateway.reconciler.run_once())


def create_key(
    *, user_id: str, team_id: str | None, alias: str | None, models: Sequence[str], duration: str | None, admin: bool
) -> str:
    """The new key, which cannot be shown again."""
    seconds = None if duration is None else seconds_of(duration)
    new = NewKey(user_id, team_id, tuple(models), admin, seconds, alias)
    with _gateway() as gateway:
        return gateway.keys.create(new, _CLI_ACTOR)[0]


def list_keys(user_id: str | None) -> list[Row]:
    """Every key's record; never a key."""
    with _gateway() as gateway:
        return gateway.keys.page(user_id=user_id, limit=100_000)


def revoke_keys(names: Sequence[str]) -> list[str]:
    """Tokens of the keys that were alive. A name is a key, its token or its alias."""
    with _gateway() as gateway:
        return gateway.keys.revoke([digest_of(name) for name in names], list(names), _CLI_ACTOR)


@contextmanager
def _settings_and_url() -> Iterator[tuple[Settings, str]]:
    observe.configure_logging()
    settings = configured()
    url = database_url(settings)
    atexit.register(interrupts.ignore)  # runs before what was registered earlier: the database's stop
    yield settings, url


@contextmanager
def _gateway() -> Iterator[Gateway]:
    with _settings_and_url() as (settings, url):
        migrate.apply(url)
        gateway = build_gateway(settings, url)
        try:
            yield gateway
        finally:
            gateway.close()
