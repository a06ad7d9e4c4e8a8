"""Data URLs (RFC 2397), in which clients send the bytes of images and files."""

import base64
from urllib.parse import unquote_to_bytes

from managed_files.errors import InvalidRequest


def read_data_url(url: str, where: str) -> tuple[str, str]:
    """MIME type and base64, whichever of the two encodings it uses. Raises InvalidRequest naming `where`."""
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise InvalidRequest(f"'{where}' holds a data URL without a comma.", param=where)
    mime_type, *options = head.split(";")
    if "base64" in (option.strip().lower() for option in options):
        return mime_type, data
    return mime_type or "text/plain", base64.b64encode(unquote_to_bytes(data)).decode()
