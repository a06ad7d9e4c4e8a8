"""Which addresses may be told of a batch's end: what the operator lists, and nothing that could be a trick. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from managed_files.errors import InvalidRequest

_PORTS = {"https": 443, "http": 80}
_ONE_LINE = re.compile(r"[\x21-\x7e]{1,2048}").fullmatch


@dataclass(frozen=True, slots=True)
class Receivers:
    """`hosts`: `name` for the scheme's own port, `name:port` for another one. `signed`: whether there is a secret."""

    hosts: Collection[str]
    signed: bool

    def check(self, url: str) -> None:
        """Raises InvalidRequest unless events may go to this address.

        A caller must not make the gateway speak to a machine or a port of the caller's choice, nor have an event read
        on its way: https only, but for this machine itself.
        """
        if not self.signed:
            raise _refused("cannot be used: this gateway has no general_settings.webhook_secret to sign with")
        if _place(url) not in {host.lower() for host in self.hosts}:
            raise _refused(f"has to be at one of the allowed hosts: {', '.join(sorted(self.hosts)) or 'none'}")


def _place(url: str) -> str:
    """Host, and port if it is not the scheme's own."""
    if not _ONE_LINE(url):
        raise _refused("has to be one percent-encoded line of at most 2048 characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("cannot be read") from error
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host:
        raise _refused("has to begin with https:// and a host")
    if "@" in parts.netloc:
        raise _refused("must not hold a user or a password")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _refused("has to begin with https://; http:// is for this machine only")
    name = f"[{host}]" if ":" in host else host
    return name if port in (None, _PORTS[parts.scheme]) else f"{name}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"'webhook_url' {why}.", param="webhook_url")
