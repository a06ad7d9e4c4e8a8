"""The calls that most tests make with the official SDK, each in one line."""

from typing import Any

from openai import OpenAI
from openai.types import FileObject

from tests.e2e.providers import BOTH
from tests.files import Sample, pdf


def upload(
    client: OpenAI,
    sample: Sample | None = None,
    target_model_names: Any = BOTH,
    content_type: str | None = None,
    **options: Any,
) -> FileObject:
    """Uploads the sample, a PDF unless told otherwise. Without `content_type` the SDK guesses one from the name."""
    sample = sample or pdf()
    body = {} if target_model_names is None else {"target_model_names": target_model_names}
    arguments = {"purpose": "user_data", "extra_body": body} | options
    return client.files.create(file=(sample.name, sample.data, content_type), **arguments)


def part(file_id: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_id": file_id}}


def question(*file_ids: str, text: str = "What is in it?") -> list[Any]:
    """One user message that shows the files."""
    return [{"role": "user", "content": [{"type": "text", "text": text}, *map(part, file_ids)]}]


def talk(client: OpenAI, model: str, messages: list[Any]) -> str:
    """The model's words at the end of a conversation."""
    return client.chat.completions.create(model=model, messages=messages).choices[0].message.content or ""


def ask(client: OpenAI, model: str, *file_ids: str) -> str:
    """The model's words about the files."""
    return talk(client, model, question(*file_ids))


def stream_text(client: OpenAI, model: str, *file_ids: str) -> str:
    """The same, streamed, put together again."""
    with client.chat.completions.create(model=model, messages=question(*file_ids), stream=True) as stream:
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
