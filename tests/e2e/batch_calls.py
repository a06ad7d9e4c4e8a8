"""What callers do with batches through the official SDK, and what they compare."""

import json
from collections.abc import Collection, Iterable
from typing import Any

from openai import OpenAI
from openai.types import Batch

from tests.batching import FINAL, URL, jsonl
from tests.e2e.gateway import wait_until

Json = dict[str, Any]
_VOLATILE = ("id", "created")  # of an answer; no two calls give the same


def upload_lines(client: OpenAI, lines: Iterable[Json], **extra: Any) -> str:
    """The id of a file of these lines."""
    return client.files.create(file=("lines.jsonl", jsonl(*lines)), purpose="batch", extra_body=extra).id


def create(client: OpenAI, file_id: str, **fields: Any) -> Batch:
    """A batch of chats from the file."""
    return client.batches.create(
        input_file_id=file_id,
        endpoint=URL,  # type: ignore[arg-type]  # the SDK wants the literal
        completion_window="24h",
        **fields,
    )


def run(client: OpenAI, lines: Iterable[Json], **fields: Any) -> Batch:
    """A batch of these lines, begun."""
    return create(client, upload_lines(client, lines), **fields)


def reached(client: OpenAI, batch_id: str, statuses: Collection[str] = FINAL, seconds: float = 30.0) -> Batch:
    """The batch as soon as it is in one of the statuses; the one that it ends in, unless told otherwise."""
    seen: list[Batch] = []

    def there() -> bool:
        seen.append(client.batches.retrieve(batch_id))
        return seen[-1].status in statuses

    wait_until(there, f"{batch_id} is {' or '.join(statuses)}", seconds)
    return seen[-1]


def in_progress(client: OpenAI, batch_id: str) -> Batch:
    """The batch once every provider works on its share."""

    def all_parts_are() -> bool:
        return {part["state"] for part in parts_of(client.batches.retrieve(batch_id))} == {"in_progress"}

    wait_until(all_parts_are, f"every part of {batch_id} is in progress")
    return client.batches.retrieve(batch_id)


def part_reached(client: OpenAI, batch_id: str, name: str, state: str) -> None:
    """Returns once the share of this model group is in the state."""

    def there() -> bool:
        parts = parts_of(client.batches.retrieve(batch_id))
        return any((part["model_group"], part["state"]) == (name, state) for part in parts)

    wait_until(there, f"the part of {batch_id} at {name} is {state}")


def parts_of(batch: Batch) -> list[Json]:
    """What the gateway tells of each provider's share, which the SDK does not know."""
    told: Any = batch.to_dict()
    return list(told["parts"])


def lines_of(client: OpenAI, file_id: str | None) -> list[Json]:
    """The lines of an output or error file; none for no file."""
    return [] if file_id is None else [json.loads(text) for text in client.files.content(file_id).read().splitlines()]


def answers_of(client: OpenAI, batch: Batch) -> dict[str, Json]:
    """The answers in the output file by custom id, without what differs from call to call."""
    return {item["custom_id"]: comparable(item["response"]["body"]) for item in lines_of(client, batch.output_file_id)}


def errors_of(client: OpenAI, batch: Batch) -> dict[str, Any]:
    """The code or status of each line of the error file by custom id."""
    lines = lines_of(client, batch.error_file_id)
    return {item["custom_id"]: (item["error"] or {}).get("code") or item["response"]["status_code"] for item in lines}


def custom_ids(client: OpenAI, batch: Batch) -> list[str]:
    """Those of both files, sorted, as often as they come."""
    lines = [*lines_of(client, batch.output_file_id), *lines_of(client, batch.error_file_id)]
    return sorted(item["custom_id"] for item in lines)


def chat_answer(client: OpenAI, body: Json) -> Any:
    """What the same request gives as a chat."""
    return comparable(client.post("/chat/completions", body=body, cast_to=object))


def comparable(answer: Any) -> Any:
    """Without ids and times, also those of tool calls."""
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: comparable(value) for name, value in answer.items() if name not in _VOLATILE}
