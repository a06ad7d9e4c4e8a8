"""What a client may call a file, and how that is said in a header. Pure."""

import re
import unicodedata
from urllib.parse import quote

from managed_files.errors import InvalidRequest

# The longest name that any common file system takes (NTFS, APFS count UTF-16 units). At most 765 bytes of UTF-8, so
# that Cloud Storage's 1,024 bytes for an object name leave room for a prefix and our id.
_MAX_UTF16_UNITS = 255
_MAX_SHOWN = 100
# Marks that turn the reading direction, so that "gpj.exe" can show as "exe.jpg".
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, lone surrogates, line and paragraph separators
# The only escapes of form-data: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}


def clean_filename(sent: str) -> str:
    """The name without escapes. Raises InvalidRequest (param "file") for a path, or a name that cannot be kept."""
    name = re.sub("%(?:22|0D|0A)", lambda found: _ESCAPES[found[0].upper()], sent, flags=re.IGNORECASE)
    if "/" in name or "\\" in name:
        raise _refused("is a path; send the last part of it only", name)
    if name.strip() in ("", ".", ".."):
        raise _refused("is empty")
    if len(name.encode("utf-16-le", "surrogatepass")) > 2 * _MAX_UTF16_UNITS:
        raise _refused(f"is longer than {_MAX_UTF16_UNITS} characters", name)
    if any(letter in _DIRECTION_MARKS or unicodedata.category(letter) in _FORBIDDEN_CATEGORIES for letter in name):
        raise _refused("holds control characters or marks that turn the reading direction", name)
    return name


def as_parameters(name: str) -> dict[str, str]:
    """The name as parameters of Content-Disposition, which holds ASCII only: RFC 6266, appendix D."""
    if name.isascii():
        return {"filename": name}
    plain = "".join(letter if letter.isascii() else "_" for letter in name)
    return {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


def _refused(why: str, name: str = "") -> InvalidRequest:
    shown = f" {name[:_MAX_SHOWN]!a}" if name else ""
    return InvalidRequest(f"The filename{shown} {why}. Send the file under another name.", param="file")
