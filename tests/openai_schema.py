"""The part of OpenAI's API description that the gateway serves, as JSON Schema (`nullable` written as a null type)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_DOCUMENT = json.loads(Path(__file__).with_name("openai_schema.json").read_text(encoding="utf-8"))


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({**_DOCUMENT, "$ref": f"#/$defs/{name}"})


def assert_valid(name: str, value: Any) -> None:
    """Fails, naming every place, unless `value` has the shape that OpenAI's description calls `name`."""
    errors = [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(value)]
    assert errors == []
