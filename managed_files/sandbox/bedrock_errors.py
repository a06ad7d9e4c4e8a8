"""Bedrock's error answers: JSON with a message, the kind in a header. Source: the service model's exceptions."""

from managed_files.sandbox.wire import Refused, Reply, json_reply

_KINDS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_SIGNATURES = {
    "missing": ("MissingAuthenticationTokenException", "Missing Authentication Token"),
    "malformed": ("IncompleteSignatureException", "The authorization header is not complete."),
    "key": ("UnrecognizedClientException", "The security token included in the request is invalid."),
    "token": ("UnrecognizedClientException", "The security token included in the request is invalid."),
    "expired": ("ExpiredTokenException", "The security token included in the request is expired"),
    "skewed": ("InvalidSignatureException", "Signature expired."),
    "region": ("InvalidSignatureException", "Credential should be scoped to a valid region."),
    "signature": (
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
    ),
}


def bedrock_error(status: int, message: str, kind: str | None = None) -> Reply:
    name = kind or _KINDS.get(status, "InternalServerException")
    return json_reply({"message": message}, status, {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/"})


def invalid(message: str) -> Refused:
    """A 400 ValidationException."""
    return Refused(bedrock_error(400, message))


def bedrock_unsigned(reason: str) -> Refused:
    kind, message = _SIGNATURES[reason]
    return Refused(bedrock_error(403, message, kind))
