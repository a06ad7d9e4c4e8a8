"""JSON as the standard has it (RFC 8259). Python also reads numbers that JSON cannot write again. Pure."""

import codecs
import json
import math
from typing import Any


def _no_json(constant: str) -> float:
    """NaN and Infinity, which Python reads and writes: a provider that finds one refuses the whole request."""
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # it would be written as Infinity
        raise ValueError(f"the number {text[:50]} is too large")
    return number


_decode = json.JSONDecoder(parse_constant=_no_json, parse_float=_finite).decode


def decoded(data: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError for anything else, RecursionError where it is too deep."""
    return parsed(data.removeprefix(codecs.BOM_UTF8).decode())


def parsed(text: str) -> Any:
    """Likewise, of a text that is decoded."""
    return _decode(text)
