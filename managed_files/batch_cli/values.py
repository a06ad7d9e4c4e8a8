"""What a word of the command line has to be. Each raises ArgumentTypeError, which argparse tells. Pure."""

import argparse
from contextlib import suppress
from typing import Any

from managed_files import strict_json

_FIXED = ("model", "messages")
_LONGEST_PAUSE = 86_400  # seconds


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE for a request's body, where a value that is no JSON is a text."""
    name, value = pair(text)
    if name in _FIXED:
        raise argparse.ArgumentTypeError(f"{name} has an option of its own")
    try:
        return name, strict_json.parsed(value)
    except (ValueError, RecursionError):
        return name, value


def batch_id(text: str) -> str:
    if not text.strip(".") or not text.isprintable():  # dots are folders in an address
        raise argparse.ArgumentTypeError(f"{text!r} is no batch's id")
    return text


def seconds(text: str) -> float:
    """A pause. What is no number ("nan" least of all) is within no bounds."""
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= _LONGEST_PAUSE:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_LONGEST_PAUSE}")
