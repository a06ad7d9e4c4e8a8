"""S3's error answers: XML with a code. Source: S3's list of error responses."""

import secrets
from xml.sax.saxutils import escape

from managed_files.sandbox.sigv4 import BadSignature
from managed_files.sandbox.wire import Refused, Reply

_CODES = {
    400: "InvalidRequest",
    401: "AccessDenied",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    411: "MissingContentLength",
    413: "EntityTooLarge",
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
}
_SIGNATURES = {
    "missing": (403, "AccessDenied", "Access Denied"),
    "malformed": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed."),
    "key": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "token": (400, "InvalidToken", "The provided token is invalid."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "skewed": (
        403,
        "RequestTimeTooSkewed",
        "The request's time and ours differ too much.",
    ),
    "region": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region is wrong."),
    "signature": (
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
    ),
}


def error_xml(code: str, message: str) -> str:
    """The document of an error, also of one that comes with a 200."""
    fields = {"Code": code, "Message": message, "RequestId": secrets.token_hex(8).upper()}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'


def s3_error(status: int, message: str, code: str | None = None) -> Reply:
    body = error_xml(code or _CODES.get(status, "InternalError"), message)
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})


def s3_refused(status: int, code: str, message: str) -> Refused:
    return Refused(s3_error(status, message, code))


def s3_unsigned(bad: BadSignature) -> Refused:
    return s3_refused(*_SIGNATURES[bad.reason])
