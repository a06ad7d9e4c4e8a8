"""Signatures of webhooks, as the Standard Webhooks specification has them (and OpenAI's own webhooks). Pure."""

import base64
import hashlib
import hmac

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes; the specification's limits


def key_of(secret: str) -> bytes:
    """The key in a secret, `whsec_` and base64 of 24 to 64 bytes. Raises ValueError, whose text never shows it."""
    if not secret.startswith(_PREFIX):
        raise ValueError("it does not begin with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("what follows whsec_ is not base64") from error
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"it holds {len(key)} bytes and not {_SHORTEST} to {_LONGEST}")
    return key


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message. `message_id`: the same at every attempt; `timestamp`: of this one, in Unix seconds."""
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
