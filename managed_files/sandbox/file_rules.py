"""What OpenAI's file routes accept. Wire facts: OpenAI's API description and its public errors."""

from collections.abc import Mapping

from managed_files.sandbox.forms import Form, UploadedFile
from managed_files.sandbox.openai_errors import bad, envelope
from managed_files.sandbox.wire import Refused

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
DEFAULT_LIMIT = 512 << 20
_LINES_ONLY = ("batch", "fine-tune")
_FIELDS = {"purpose", "expires_after[anchor]", "expires_after[seconds]"}
_BATCH_LIFE = 30 * 86400


def checked_file(form: Form, purposes: tuple[str, ...], max_bytes: int) -> tuple[UploadedFile, str]:
    """The form's file and purpose. Raises a 400 for what is missing or unknown, a 413 for too many bytes."""
    purpose = form.fields.get("purpose")
    for extra in form.fields.keys() - _FIELDS:
        raise bad(f"Additional properties are not allowed ('{extra}' was unexpected)")
    if form.file is None:
        raise bad("'file' is a required property")
    if purpose is None:
        raise bad("'purpose' is a required property")
    if purpose not in purposes:
        raise bad(f"'{purpose}' is not one of {list(purposes)} - 'purpose'")
    if purpose in _LINES_ONLY and not form.file.filename.endswith(".jsonl"):
        raise bad(f"Invalid file format for purpose {purpose}. Must be .jsonl", param="file")
    if form.file.blob.size > max_bytes:
        raise Refused(envelope(413, f"File is too large: at most {max_bytes} bytes are allowed."))
    return form.file, purpose


def lifetime(fields: Mapping[str, str], purpose: str) -> int | None:
    """Seconds that the file lives: as asked, else 30 days for batches and no end for the rest. Raises a 400."""
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return _BATCH_LIFE if purpose == "batch" else None
    if anchor != "created_at":
        raise bad("Invalid 'expires_after.anchor': must be 'created_at'.", param="expires_after.anchor")
    if seconds is None or not seconds.isdigit() or not 3600 <= int(seconds) <= 2592000:
        raise bad("Invalid 'expires_after.seconds': must be between 3600 and 2592000.", param="expires_after.seconds")
    return int(seconds)


def one_of(query: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    """A query parameter that is one of `values`; the first one is the default. Raises a 400."""
    value = query.get(name, values[0])
    if value not in values:
        raise bad(f"Invalid value: '{value}'. Supported values are: {values}.", param=name, code="invalid_value")
    return value


def page_limit(query: Mapping[str, str]) -> int:
    """Files a page: 1 to 10,000, by default all of these. Raises a 400."""
    text = query.get("limit", "10000")
    if not text.isdigit() or not 1 <= int(text) <= 10000:
        raise bad(f"Invalid 'limit': expected an integer from 1 to 10000, but got {text} instead.", param="limit")
    return int(text)
