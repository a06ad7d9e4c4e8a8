"""What Claude answers: thoughts, text, calls, usage; whole or as events. Wire facts: the `anthropic` package."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from managed_files.sandbox.answers import Json, Said, limited, say, tokens, wanted_tool
from managed_files.sandbox.anthropic_access import Access
from managed_files.sandbox.anthropic_blocks import Blocks, signature
from managed_files.sandbox.anthropic_errors import bad
from managed_files.sandbox.anthropic_files import FileStore
from managed_files.sandbox.anthropic_rules import check_fields
from managed_files.sandbox.anthropic_tools import offered_tools
from managed_files.sandbox.anthropic_turns import Conversation
from managed_files.sandbox.samples import sample

REFUSED_WORD = "REFUSE_ME"
_THOUGHT = "Looking at what came before I answer."
_CITATION = {
    "type": "page_location",
    "cited_text": "the cited words",
    "document_index": 0,
    "document_title": None,
    "file_id": None,
    "start_page_number": 1,
    "end_page_number": 2,
}


@dataclass(frozen=True)
class Answer:
    """A finished answer: complete blocks, and why it ended."""

    id: str
    model: str
    blocks: list[Json]
    end: Json
    usage: Json

    def whole(self) -> Json:
        """A Message."""
        return {**self._head(self.blocks), **self.end, "usage": self.usage}

    def events(self) -> Iterator[tuple[str, Json]]:
        """The same as events, a few letters at a time."""
        begun = {**self.usage, "output_tokens": 1}
        nothing = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
        yield "message_start", {"message": {**self._head([]), **nothing, "usage": begun}}
        for index, block in enumerate(self.blocks):
            opened, deltas = _opened(block)
            yield "content_block_start", {"index": index, "content_block": opened}
            if index == 0:
                yield "ping", {}
            for delta in deltas:
                yield "content_block_delta", {"index": index, "delta": delta}
            yield "content_block_stop", {"index": index}
        yield "message_delta", {"delta": self.end, "usage": {"output_tokens": self.usage["output_tokens"]}}
        yield "message_stop", {}

    def _head(self, blocks: list[Json]) -> Json:
        return {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": blocks}


def answer(body: Json, access: Access, store: FileStore) -> Answer:
    """Checks the request and makes the answer. Raises Anthropic's errors."""
    model = check_fields(body, access)
    mode, tools = offered_tools(body)
    executes = any(str(tool.get("type")).startswith("code_execution_") for tool in body.get("tools") or ())
    talk = Conversation(body, Blocks(store, access, executes))
    if talk.ends_with_claude and not model.prefill:
        raise bad(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    prompt = talk.prompt()
    called = wanted_tool(mode, tools, prompt)
    if (body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        called = called[:1]
    thoughts = _thoughts(body)
    if REFUSED_WORD in prompt.text:
        said, end = Said([], "stop"), _refusal()
    elif called:
        calls = [_call(tool.name, sample(tool.schema, prompt.text)) for tool in called]
        return _made(body, [*thoughts, *calls], _end("tool_use"))
    else:
        wanted = (body.get("output_config") or {}).get("format")
        text = json.dumps(sample(wanted["schema"], say(prompt))) if wanted else say(prompt)
        said = limited(text, body.get("stop_sequences") or (), body["max_tokens"])
        end = _end_of(said, text, body)
    block: Json = {"type": "text", "text": said.text}
    if talk.cites:
        block["citations"] = [_CITATION]
    return _made(body, [*thoughts, *([block] if said.tokens else [])], end)


def _thoughts(body: Json) -> list[Json]:
    if (body.get("thinking") or {}).get("type") not in ("enabled", "adaptive"):
        return []
    return [{"type": "thinking", "thinking": _THOUGHT, "signature": signature(_THOUGHT)}]


def _call(name: str, arguments: Json) -> Json:
    return {"type": "tool_use", "id": f"toolu_01{secrets.token_hex(11)}", "name": name, "input": arguments}


def _end(reason: str, sequence: str | None = None) -> Json:
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": None}


def _refusal() -> Json:
    details = {"type": "refusal", "category": None, "explanation": "The sandbox was asked to refuse."}
    return {**_end("refusal"), "stop_details": details}


def _end_of(said: Said, text: str, body: Json) -> Json:
    if said.cut == "length":
        return _end("max_tokens")
    stopped = next((word for word in body.get("stop_sequences") or () if word in text), None)
    return _end("stop_sequence" if stopped else "end_turn", stopped)


def _made(body: Json, blocks: list[Json], end: Json) -> Answer:
    marked = '"cache_control"' in json.dumps(body)
    thoughts = sum(len(tokens(block["thinking"])) for block in blocks if block["type"] == "thinking")
    produced = sum(len(tokens(json.dumps(block))) for block in blocks)
    usage = {
        "input_tokens": 8 + len(tokens(json.dumps(body["messages"]))),
        "cache_creation_input_tokens": 5 if marked else 0,
        "cache_read_input_tokens": 0,
        "output_tokens": produced,
        "output_tokens_details": {"thinking_tokens": thoughts},
        "service_tier": "standard",
    }
    return Answer(f"msg_01{secrets.token_hex(11)}", body["model"], blocks, end, usage)


def _opened(block: Json) -> tuple[Json, list[Json]]:
    """The block as it starts, and the deltas that complete it."""
    match block["type"]:
        case "text":
            cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations", ())]
            opened = {**block, "text": "", **({"citations": []} if cited else {})}
            return opened, [{"type": "text_delta", "text": word} for word in tokens(block["text"])] + cited
        case "thinking":
            words = [{"type": "thinking_delta", "thinking": word} for word in tokens(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*words, signed]
        case _:
            text = json.dumps(block["input"])
            pieces = ["", *(text[start : start + 5] for start in range(0, len(text), 5))]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
