"""Every error the gateway raises on purpose. Each decides status, OpenAI `type` and `code`.

GatewayError
├── InvalidRequest 400 ── Inexpressible 400, Unauthorized 401, Forbidden 403, NotFound 404, Conflict 409, TooLarge 413,
    │                         UnsupportedMediaType 415
├── Unavailable 503           the database, or the gateway itself, cannot answer now
├── ConfigError               the operator's mistake; ends the start
├── SpoolBroken 400           the incoming bytes ended too early ── LengthChanged: they are not as many as expected
├── ContentUnavailable 400    the provider does not give bytes back
├── UpstreamError             HTTP door: no usable answer came (translated by providers)
└── ProviderFailed            a provider refused or broke
"""

from typing import ClassVar, Literal


class GatewayError(Exception):
    """Base. `message` goes to the client as it is: never put a secret in it."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    should_retry: bool | None = None

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.message = message
        self.param = param if param is not None else self.param
        self.code = code if code is not None else self.code

    @property
    def http_status(self) -> int:
        """The status the client sees."""
        return self.status


class InvalidRequest(GatewayError):
    """The request cannot be served as it stands; the message names the field and the remedy."""

    status = 400
    type = "invalid_request_error"


class Inexpressible(InvalidRequest):
    """A provider's dialect has no word for a field; `param` names it. With `drop_params` the field is left out."""


class Unauthorized(InvalidRequest):
    """No key, or one that is unknown, expired or revoked."""

    status = 401
    code = "invalid_api_key"


class Forbidden(InvalidRequest):
    """A known key without the right."""

    status = 403
    type = "permission_error"


class NotFound(InvalidRequest):
    """It does not exist, or the caller may not know that it does."""

    status = 404


class Conflict(InvalidRequest):
    """It clashes with what is going on now."""

    status = 409


class TooLarge(InvalidRequest):
    """More bytes than this gateway takes."""

    status = 413


class UnsupportedMediaType(InvalidRequest):
    """The body is not of the content type that this route reads."""

    status = 415


class SpoolBroken(InvalidRequest):
    """The client's body ended before it was complete."""


class LengthChanged(SpoolBroken):
    """The file part did not have the length that was expected; an upload that promised it has to start again."""


class ContentUnavailable(InvalidRequest):
    """The provider keeps the file but never returns its bytes."""


class Unavailable(GatewayError):
    """The gateway cannot answer now; a later try may succeed."""

    status = 503
    type = "service_unavailable_error"
    retry_after = "1"


class ConfigError(GatewayError):
    """The configuration cannot be used; the message names the entry and the remedy."""


class UpstreamError(GatewayError):
    """No usable HTTP answer. `sent` tells whether the provider may have acted on the request."""

    def __init__(self, kind: Literal["refused", "timeout", "cut"], message: str, *, sent: bool):
        super().__init__(message)
        self.kind = kind
        self.sent = sent


class ProviderFailed(GatewayError):
    """A provider refused or broke.

    `upstream_status` is its HTTP status (None: no answer, see `timeout`); `retryable`: the same request may succeed
    later; `ambiguous`: the provider may have acted although no answer came, so a leftover must be looked for.
    """

    type = "provider_error"

    def __init__(
        self,
        provider: str,
        message: str,
        *,
        upstream_status: int | None = None,
        retryable: bool = False,
        timeout: bool = False,
        ambiguous: bool = False,
        retry_after: str | None = None,
        code: str | None = None,
        param: str | None = None,
    ):
        super().__init__(message, code=code, param=param)
        self.provider = provider
        self.upstream_status = upstream_status
        self.retryable = retryable
        self.timeout = timeout
        self.ambiguous = ambiguous
        self.retry_after = retry_after
        self.should_retry = None if retryable else False

    def again(self, message: str | None = None) -> "ProviderFailed":
        """The same for another request, or in other words: whoever passes a failure on adds to its message."""
        return ProviderFailed(
            self.provider,
            self.message if message is None else message,
            upstream_status=self.upstream_status,
            retryable=self.retryable,
            timeout=self.timeout,
            ambiguous=self.ambiguous,
            retry_after=self.retry_after,
            code=self.code,
            param=self.param,
        )

    @property
    def http_status(self) -> int:
        """4xx about the request as it is; 401/403 are our credentials, so 502; no answer in time 504; the rest 502.

        529, "overloaded", is Anthropic's own and no SDK knows it: the standard's word for that is 503.
        """
        status = self.upstream_status
        if self.timeout or status in (408, 504):
            return 504
        if status == 529:
            return 503
        if status is None or status in (401, 403) or not 400 <= status < 500:
            return 502
        return status


def no_such_file(file_id: str, param: str = "id") -> NotFound:
    """The one answer for a file that does not exist and for one that is somebody else's."""
    return NotFound(f"No such File object: {file_id[:200]}", param=param)


def unknown_key() -> Unauthorized:
    """The one answer for a key that does not exist and for one that is over."""
    return Unauthorized("Incorrect API key provided, or it has expired or been revoked.")
