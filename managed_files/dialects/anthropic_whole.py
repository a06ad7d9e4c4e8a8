"""Claude's answer in one piece: the deltas of all its blocks, put together. Pure."""

from typing import Any

from managed_files.dialects.anthropic_answer import AnswerReader
from managed_files.dialects.base import Exchange

Json = dict[str, Any]


def whole_message(answer: Json, exchange: Exchange) -> tuple[Json, str]:
    """A Message as the message of a choice, and the choice's finish reason."""
    reader = AnswerReader(exchange)
    message: Json = {}
    for index, block in enumerate(answer["content"]):
        _grow(message, reader.start(index, block))
        _grow(message, reader.stop(index))
    reader.end(answer)
    _grow(message, reader.last())
    for call in message.get("tool_calls", ()):
        del call["index"]
    empty = None if message.keys() & {"tool_calls", "function_call", "refusal"} else ""
    return {"role": "assistant", "content": empty, "refusal": None, **message}, reader.finish_reason()


def _grow(message: Json, delta: Json) -> None:
    """Adds a delta of a whole block: texts and lists grow, a call's arguments come as its second piece."""
    for key, value in delta.items():
        known = message.get(key)
        if key == "tool_calls" and known and known[-1]["index"] == value[0]["index"]:
            known[-1]["function"]["arguments"] += value[0]["function"]["arguments"]
        elif key == "function_call" and known:
            known["arguments"] += value["arguments"]
        else:
            message[key] = value if known is None else known + value
