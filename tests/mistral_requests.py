"""Chat requests for Mistral, checked against the types of Mistral's own SDK."""

from typing import Any

from mistralai.client.models import ChatCompletionRequest

from managed_files.dialects.registry import DIALECTS

Json = dict[str, Any]
HELLO = [{"role": "user", "content": "Hi"}]


def translate(body: Json) -> Json:
    """The translation, after Mistral's SDK has found every key and type in its place."""
    request = DIALECTS["mistral"].request({"messages": HELLO, **body}, "mistral-small-latest")
    assert_known(request)
    return request


def assert_known(request: Json) -> None:
    parsed = ChatCompletionRequest.model_validate(request, strict=True)
    assert without_nulls(parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)) == request


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
