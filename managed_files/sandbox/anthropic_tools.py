"""What Messages accepts as tools. Wire facts: Anthropic's "Tool use" and the `anthropic` package's types."""

import re
from typing import Any

from managed_files.sandbox.answers import Json, Tool
from managed_files.sandbox.anthropic_errors import bad

_TOOL_KEYS = {
    "name", "description", "input_schema", "type", "cache_control", "strict", "defer_loading", "input_examples",
    "eager_input_streaming", "allowed_callers",
}  # fmt: skip


def offered_tools(body: Json) -> tuple[str, list[Tool]]:
    """How tools may be used ("none", "auto", "any") and which ones; Anthropic's own are not run."""
    tools = [_tool(tool, f"tools.{number}") for number, tool in enumerate(body.get("tools") or ())]
    callable_ones = [tool for tool in tools if tool is not None]
    choice = body.get("tool_choice") or {"type": "auto"}
    if "tool_choice" in body and not tools:
        raise bad("tool_choice may only be specified while providing tools")
    for extra in choice.keys() - {"type", "name", "disable_parallel_tool_use"}:
        raise bad(f"tool_choice.{extra}: Extra inputs are not permitted")
    kind = choice.get("type")
    if kind in ("auto", "any", "none"):
        return kind, callable_ones
    named = [tool for tool in callable_ones if tool.name == choice.get("name")]
    if kind != "tool" or not named:
        raise bad(f"tool_choice: Tool '{choice.get('name')}' not found in provided tools")
    return "any", named


def _tool(tool: Any, where: str) -> Tool | None:
    if not isinstance(tool, dict):
        raise bad(f"{where}: Input should be an object")
    if tool.get("type", "custom") != "custom":
        return None
    for extra in tool.keys() - _TOOL_KEYS:
        raise bad(f"{where}.custom.{extra}: Extra inputs are not permitted")
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name):
        raise bad(f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise bad(f"{where}.custom.input_schema.type: Field required")
    return Tool(name, schema)
