"""One provider's HTTP calls, with every refusal and silence raised as ProviderFailed. Knows no provider's API."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from requests import Response

from managed_files.errors import ProviderFailed, UpstreamError
from managed_files.providers.failures import no_answer, refusal, without_secrets
from managed_files.upstream import Body, Upstream, pieces

# Whatever else a request carries in its headers may be a credential, also under a name that only the operator knows.
_HARMLESS = ("accept", "content-", "x-upload-content-", "x-goog-upload-", "x-goog-user-project", "openai-organization")
_NO_HEADERS: Mapping[str, str] = {}
_LONGEST_ERROR = 64 * 1024
_QUICK = ("GET", "HEAD", "DELETE")
_TIMEOUT = 600.0
PATIENCE = 30.0  # seconds of silence after a look-up, a delete, a log-in: no provider has to think about them for long


def timeout_in(params: Mapping[str, Any]) -> float:
    """Seconds of silence after which a call is given up: an entry's `timeout`, or the default."""
    return float(params.get("timeout") or _TIMEOUT)


class Wire:
    """Sends requests in the name of one provider. `timeout`: seconds without a sign of life, where it may think."""

    def __init__(self, provider: str, upstream: Upstream, timeout: float):
        self._provider = provider
        self._upstream = upstream
        self._timeout = timeout

    def within(self, seconds: float) -> "Wire":
        """The same with less patience, if this one has more."""
        return Wire(self._provider, self._upstream, min(self._timeout, seconds))

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Body | None = None,
        stream: bool = False,
        accept: Collection[int] = (),
    ) -> Response:
        """The answer, if it is a success or its status is in `accept`. Raises ProviderFailed for every other.

        What `body` raises while it is read passes through unchanged.
        """
        try:
            timeout = min(self._timeout, PATIENCE) if method in _QUICK and not stream else self._timeout
            answer = self._upstream.send(method, url, headers=headers, body=body, timeout=timeout, stream=stream)
            if answer.status_code // 100 == 2 or answer.status_code in accept:
                return answer
            text = _beginning(answer) if stream else answer.content
        except UpstreamError as error:
            raise no_answer(self._provider, error) from error
        raise refusal(self._provider, answer.status_code, answer.headers, text, _credentials(headers))

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | Body | None = None) -> Any:
        """The JSON object that a success answers with."""
        return self.object_in(self.send(method, url, headers=headers, body=body))

    def object_in(self, answer: Response) -> Any:
        """The JSON object that an answer is."""
        try:
            value = answer.json()
        except (ValueError, RecursionError) as error:
            raise self.nonsense("something that is not JSON") from error
        if not isinstance(value, dict):
            raise self.nonsense("JSON that is not an object")
        return value

    def download(self, url: str, *, headers: Mapping[str, str]) -> "Download":
        """The body in pieces, asked for at once."""
        return Download(self._provider, self.send("GET", url, headers=headers, stream=True))

    def silence(self, error: UpstreamError) -> ProviderFailed:
        """The error for an answer that broke before it said anything. Raise it `from` the UpstreamError."""
        return no_answer(self._provider, error)

    def refused(self, answer: Response, status: int) -> ProviderFailed:
        """The error for a success whose body says that it is none, as if it had come with `status`."""
        return refusal(self._provider, status, answer.headers, answer.content)

    def nonsense(self, what: str, *, retryable: bool = False, sent: Mapping[str, str] = _NO_HEADERS) -> ProviderFailed:
        """The error for an answer that breaks the provider's own API.

        `sent`: the request's headers, where it is quoted.
        """
        message = without_secrets(f"{self._provider} answered with {what}.", _credentials(sent))
        return ProviderFailed(self._provider, message, retryable=retryable, ambiguous=True)


class Download(Iterator[bytes]):
    """A success's body as it arrives. `close` gives up what was not read, also before the first piece."""

    def __init__(self, provider: str, answer: Response):
        """Waits for the first piece: until then another provider can be asked, or an error be told."""
        self._provider = provider
        self._pieces = pieces(answer)
        self._first = self._piece()

    def __next__(self) -> bytes:
        piece, self._first = self._first or self._piece(), b""
        if not piece:
            raise StopIteration
        return piece

    def _piece(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except UpstreamError as error:
            raise no_answer(self._provider, error) from error

    def close(self) -> None:
        self._pieces.close()


def _beginning(answer: Response) -> bytes:
    """Enough of a streamed error to read its message; the connection is given up if more follows."""
    text = b""
    incoming = pieces(answer)
    for piece in incoming:
        text += piece
        if len(text) > _LONGEST_ERROR:
            incoming.close()
            break
    return text


def _credentials(headers: Mapping[str, str]) -> list[str]:
    values = [value for name, value in headers.items() if not name.lower().startswith(_HARMLESS)]
    return [word for value in values for word in (value, value.rpartition(" ")[2])]
