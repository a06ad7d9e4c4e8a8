"""How OpenAI reads files and images that a request holds or names. Wire facts: OpenAI's API description."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from managed_files.sandbox.answers import Attachment
from managed_files.sandbox.openai_errors import bad
from managed_files.sandbox.openai_files import StoredFile

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=-]+)*;base64,(.*)", re.DOTALL)

FileLookup = Callable[[str], StoredFile | None]


def stored(find: FileLookup, file_id: str, where: str) -> Attachment:
    """A file of the project. Raises a 400 for one that it does not have."""
    file = find(file_id)
    if file is None:
        raise bad(f"The file '{file_id}' does not exist or is not yours.", param=where)
    kind = "application/pdf" if file.filename.lower().endswith(".pdf") else file.content_type
    return Attachment(file.filename, kind, file.bytes, file.sha256, file.blob.head)


def image_at(url: Any, where: str) -> Attachment | str:
    """An image in a data URL, or the address of one, which is not fetched."""
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return f"image at {url}"
    if not isinstance(url, str) or not url.startswith("data:"):
        raise bad(f"Invalid '{where}'. Expected a valid URL, but got a value with an invalid format.", param=where)
    mime_type, data = data_url(url, where)
    return only_image(Attachment.of("image", mime_type, data))


def only_image(attachment: Attachment) -> Attachment:
    if attachment.mime_type not in IMAGES:
        raise bad(f"You uploaded an unsupported image. Supported formats: {IMAGES}.", code="invalid_image_format")
    return attachment


def data_url(text: str, where: str) -> tuple[str, bytes]:
    """Its MIME type and its bytes."""
    found = _DATA_URL.fullmatch(text)
    if found is None:
        raise bad(f"Invalid '{where}'. Expected a base64-encoded data URL with a MIME type.", param=where)
    return found[1], decoded(found[2], where)


def decoded(text: str, where: str) -> bytes:
    """The bytes of base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad(f"Invalid '{where}'. Expected a base64-encoded value.", param=where, code="invalid_base64") from error
