"""Reads untyped JSON: gives the value, or the InvalidRequest that names the field where it should have been."""

from typing import Any

from managed_files.errors import Inexpressible, InvalidRequest


def to_object(value: Any, param: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{param}' has to be an object.", param=param)
    return value


def to_list(value: Any, param: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(f"'{param}' has to be an array.", param=param)
    return value


def to_text(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"'{param}' has to be a string.", param=param)
    return value


def present(value: Any, param: str) -> dict[str, Any]:
    """A fresh copy of an object without its nulls: to clients of OpenAI, null means absent."""
    return {name: item for name, item in to_object(value, param).items() if item is not None}


def refuse_rest(rest: dict[str, Any], within: str = "", *, provider: str = "Gemini") -> None:
    """Raises for the first field that nobody took: what cannot be said to a provider is never dropped in silence."""
    for name in rest:
        param = f"{within}.{name}" if within else name
        raise Inexpressible(f"{provider} cannot express '{param}'; leave it out for this model.", param=param)
