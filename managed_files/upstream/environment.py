"""What the process environment says about the way out: proxies and certificate authorities.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, lower case first, as in curl and requests; loopback never goes
through a proxy, as in Go. `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE`, else certifi's bundle.
"""

import ssl
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import certifi

from managed_files.errors import ConfigError, UpstreamError

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Environment:
    """Read when an origin is first met, not on every call."""

    def __init__(self, variables: Mapping[str, str]):
        self._variables = variables
        self._tls: ssl.SSLContext | None = None

    def tls(self) -> ssl.SSLContext:
        """The one TLS context, made at first use: reading a CA bundle takes 20 ms. Raises ConfigError."""
        if self._tls is None:
            self._tls = _tls(next(filter(None, map(self._variables.get, _BUNDLES)), None) or certifi.where())
        return self._tls

    def proxy(self, scheme: str, host: str, port: int) -> SplitResult | None:
        """The proxy for an origin, or None. Raises UpstreamError for one that is not spoken to in plain HTTP."""
        url = self._either(f"{scheme}_proxy") or self._either("all_proxy")
        if not url or self._direct(host, port):
            return None
        proxy = urlsplit(url if "://" in url else f"http://{url}")
        if proxy.scheme != "http":
            message = f"{host} is behind a proxy of scheme {proxy.scheme!r}; only http:// proxies are supported."
            raise UpstreamError("refused", message, sent=False)
        return proxy

    def _either(self, name: str) -> str:
        return self._variables.get(name) or self._variables.get(name.upper()) or ""

    def _direct(self, host: str, port: int) -> bool:
        exceptions = [entry.strip().lower() for entry in self._either("no_proxy").split(",")]
        return _is_loopback(host) or any(_excepts(entry, host, port) for entry in exceptions if entry)


def _tls(bundle: str) -> ssl.SSLContext:
    folder = Path(bundle).is_dir()
    try:
        context = ssl.create_default_context(cafile=None if folder else bundle, capath=bundle if folder else None)
    except OSError as error:
        raise ConfigError(f"The CA bundle {bundle} cannot be read: {error.strerror}.") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _excepts(entry: str, host: str, port: int) -> bool:
    """One entry of NO_PROXY: `*`, an address or network, or a name that covers its subdomains, with or without port."""
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:  # a name on either side
        name = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or any(f".{known}".endswith(f".{name}") for known in (host, f"{host}:{port}"))
