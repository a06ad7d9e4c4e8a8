"""Chat requests for Claude, checked against the types of Anthropic's own SDK."""

from typing import Any

from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from managed_files.dialects.registry import DIALECTS

Json = dict[str, Any]
HELLO = [{"role": "user", "content": "Hi"}]
MODEL = "claude-sonnet-4-5"

_TYPE: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
_OF_THE_OLDER_VERSION = ("temperature", "top_p", "top_k")  # the SDK has taken the newer version's step


def translate(body: Json, model: str = MODEL) -> Json:
    """The translation, after Anthropic's SDK has found every key and type in its place."""
    request = DIALECTS["anthropic"].request({"messages": HELLO, **body}, model)
    assert_known(request)
    return request


def assert_known(request: Json) -> None:
    """Keys that the SDK does not know are missing from what it parsed."""
    known = {key: value for key, value in request.items() if key not in (*_OF_THE_OLDER_VERSION, "stream")}
    assert _read(_TYPE.validate_python(known)) == known


def _read(value: Any) -> Any:
    """Reads what pydantic validates only when it is read: the SDK's lists are iterables."""
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | None) else [_read(item) for item in value]
