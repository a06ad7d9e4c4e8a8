"""Checks a request against AWS's own service models of Bedrock, as botocore ships them. Refuses unknown keys."""

import base64
import binascii
import re
from functools import cache
from typing import Any

from managed_files.sandbox.bedrock_errors import invalid


def check_shape(body: Any, service: str = "bedrock-runtime", operation: str = "Converse") -> None:
    """Raises a 400 for the first member that is unknown, missing, of another type, or outside of its limits."""
    _check(body, _input_shape(service, operation), "")


@cache
def _input_shape(service: str, operation: str) -> Any:
    from botocore.session import Session  # large, and of use only to Bedrock's stand-in

    return Session().get_service_model(service).operation_model(operation).input_shape


def _check(value: Any, shape: Any, where: str) -> None:
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        _check_structure(value, shape, where)
    elif shape.type_name == "list":
        _need(isinstance(value, list), where, "has to be an array")
        for index, item in enumerate(value):
            _check(item, shape.member, f"{where}[{index}]")
    elif shape.type_name == "map":
        _need(isinstance(value, dict), where, "has to be an object")
        for key, item in value.items():
            _check(key, shape.key, f"{where} (key)")
            _check(item, shape.value, f"{where}.{key}")
    elif shape.type_name in _SCALARS:
        _check_scalar(value, shape, where)


def _check_structure(value: Any, shape: Any, where: str) -> None:
    _need(isinstance(value, dict), where, "has to be an object")
    uri = {name for name, member in shape.members.items() if member.serialization.get("location") == "uri"}
    for name in value:
        _need(name in shape.members and name not in uri, where, f"does not know the key {name}")
    for name in shape.required_members:
        _need(name in value or name in uri, where, f"lacks the key {name}")
    if getattr(shape, "is_tagged_union", False) or shape.name == "ContentBlock":
        _need(len(value) == 1, where, "has to hold exactly one member")
    for name, item in value.items():
        _check(item, shape.members[name], f"{where}.{name}" if where else name)


_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


def _check_scalar(value: Any, shape: Any, where: str) -> None:
    right = isinstance(value, _SCALARS[shape.type_name]) and isinstance(value, bool) == (shape.type_name == "boolean")
    _need(right, where, f"has to be a {shape.type_name}")
    enum, limits = getattr(shape, "enum", None), shape.metadata
    _need(not enum or value in enum, where, f"has to be one of {enum}")
    pattern = limits.get("pattern")
    _need(not pattern or re.fullmatch(pattern, value) is not None, where, f"does not match {pattern}")
    if shape.type_name == "blob":
        size: float = len(_decoded(value, where))
    else:
        size = len(value) if isinstance(value, str) else value
    _need(limits.get("min", size) <= size <= limits.get("max", size), where, "is outside of its limits")


def _decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"{where} is not base64.") from error


def _need(right: bool, where: str, why: str) -> None:
    if not right:
        raise invalid(f"1 validation error detected: Value at '{where}' {why}.")
