"""Anthropic's events, as a Claude of these tests sends them, and what the dialect makes of their bytes."""

import json
from typing import Any

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
USAGE = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4, "service_tier": "priority"}


def begin() -> Json:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": []}
    return {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None, "usage": USAGE}}


def end(stop: str = "end_turn", **more: Any) -> list[Json]:
    delta = {"stop_reason": stop, "stop_sequence": None, **more}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]


def block(index: int, opened: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": opened},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *words: str, citations: tuple[Json, ...] = ()) -> list[Json]:
    cited = [{"type": "citations_delta", "citation": citation} for citation in citations]
    grown = [{"type": "text_delta", "text": word} for word in words]
    return block(index, {"type": "text", "text": "", "citations": None}, *grown, *cited)


def thought(index: int, *words: str) -> list[Json]:
    grown = [{"type": "thinking_delta", "thinking": word} for word in words]
    signed = {"type": "signature_delta", "signature": "c2ln"}
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *grown, signed)


def call(index: int, name: str, *pieces: str, kind: str = "tool_use") -> list[Json]:
    opened = {"type": kind, "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, opened, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def wire(*events: Json) -> bytes:
    lines = (f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return "".join(lines).encode()


def translate(*data: bytes, exchange: Exchange = EXCHANGE, broken: str | None = None) -> bytes:
    stream = DIALECTS["anthropic"].stream(exchange)
    return b"".join(map(stream.feed, data)) + stream.finish(broken)
