"""How Messages reads the turns of a conversation. Wire facts: Anthropic's "Messages", "Tool use", "Thinking"."""

from typing import Any

from managed_files.sandbox.answers import Attachment, Json, Prompt
from managed_files.sandbox.anthropic_access import NEW
from managed_files.sandbox.anthropic_blocks import Blocks
from managed_files.sandbox.anthropic_errors import bad

_OF_USERS = ("text", "image", "document", "container_upload", "tool_result")
_OF_CLAUDE = ("text", "document", "tool_use", "thinking", "redacted_thinking")
_THOUGHTS = ("thinking", "redacted_thinking")


class Conversation:
    """One request's turns, merged by role and checked. Raises a 400 that names the place."""

    def __init__(self, body: Json, blocks: Blocks):
        self._blocks = blocks
        self._seen: list[Attachment | str] = []
        self._check_system(body.get("system"))
        self.turns = self._read(body["messages"])
        self._check_tools()
        if (body.get("thinking") or {}).get("type") == "enabled":
            self._check_thoughts()

    def prompt(self) -> Prompt:
        """What the model is asked: the last user's words, everything that was attached, what tools answered last."""
        asked = [turn["content"] for turn in self.turns if turn["role"] == "user"]
        texts: list[list[str]] = [[block["text"] for block in content if block["type"] == "text"] for content in asked]
        said = next((words for words in reversed(texts) if words), [])
        results = [_output(block) for block in asked[-1] if block["type"] == "tool_result"]
        return Prompt("\n".join(said), self._seen, results)

    @property
    def ends_with_claude(self) -> bool:
        return bool(self.turns[-1]["role"] == "assistant")

    @property
    def cites(self) -> bool:
        """Whether a document asks for citations."""
        documents = [block for turn in self.turns for block in turn["content"] if block["type"] == "document"]
        return any((block.get("citations") or {}).get("enabled") for block in documents)

    def _check_system(self, system: Any) -> None:
        for number, block in enumerate(system if isinstance(system, list) else ()):
            if self._blocks.check(block, f"system.{number}")["type"] != "text":
                raise bad(f"system.{number}: Input should be a text block")

    def _read(self, messages: list[Any]) -> list[Json]:
        if not messages:
            raise bad("messages: at least one message is required")
        turns: list[Json] = []
        for number, message in enumerate(messages):
            role, content = self._message(message, f"messages.{number}")
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += content
            else:
                turns.append({"role": role, "content": content})
        if turns[0]["role"] != "user":
            raise bad('messages: first message must use the "user" role')
        return turns

    def _message(self, message: Any, where: str) -> tuple[str, list[Json]]:
        if not isinstance(message, dict) or message.keys() != {"role", "content"}:
            raise bad(f"{where}: Input should have a role and a content, and nothing else")
        role, content = message["role"], message["content"]
        if role not in ("user", "assistant"):
            raise bad(f'{where}.role: Unexpected role "{role}". Allowed roles are "user" or "assistant".')
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not content:
            raise bad(f"{where}: all messages must have non-empty content")
        return role, [self._block(block, role, f"{where}.content.{j}") for j, block in enumerate(content)]

    def _block(self, value: Any, role: str, where: str) -> Json:
        block = self._blocks.check(value, where)
        kind = block["type"]
        allowed = _OF_USERS if role == "user" else _OF_CLAUDE
        own = role == "assistant" and kind.endswith(("_tool_use", "_tool_result"))
        if kind not in allowed and not own:
            raise bad(f"{where}: `{kind}` blocks can only be in {'assistant' if role == 'user' else 'user'} messages")
        if kind == "document" and role == "assistant" and self._blocks.access.version == NEW:
            raise bad(f"{where}: `document` blocks can only be in user messages")
        if kind in ("image", "document", "container_upload"):
            self._seen.append(self._blocks.seen(block, where))
        if kind == "tool_result" and isinstance(block.get("content"), list):
            for k, inner in enumerate(block["content"]):
                self._inner(inner, f"{where}.tool_result.content.{k}")
        return block

    def _inner(self, value: Any, where: str) -> None:
        block = self._blocks.check(value, where)
        if block["type"] not in ("text", "image", "document"):
            raise bad(f"{where}: Input tag '{block['type']}' does not match any of the expected tags")
        if block["type"] != "text":
            self._seen.append(self._blocks.seen(block, where))

    def _check_tools(self) -> None:
        """Every call is answered in the next turn, its results come before anything else, and nothing else does."""
        called: list[str] = []
        for number, turn in enumerate(self.turns):
            kinds = [block["type"] == "tool_result" for block in turn["content"]]
            answered = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
            if kinds != sorted(kinds, reverse=True):
                raise bad(f"messages.{number}: `tool_result` blocks must come before all other content")
            if missing := [call for call in called if call not in answered]:
                raise bad(
                    f"messages.{number - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                    f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                    "next message."
                )
            if unknown := [call for call in answered if call not in called]:
                raise bad(
                    f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {unknown[0]}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            called = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        if called:
            raise bad(f"messages: `tool_use` ids were found without `tool_result` blocks: {', '.join(called)}.")

    def _check_thoughts(self) -> None:
        """With a budget, a turn that tools interrupted goes on from its thoughts."""
        if len(self.turns) < 2 or self.turns[-1]["content"][0]["type"] != "tool_result":
            return
        first = self.turns[-2]["content"][0]["type"]
        if first not in _THOUGHTS:
            raise bad(
                f"messages.{len(self.turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                f"`{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
            )


def _output(block: Json) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else "".join(inner.get("text", "") for inner in content)
