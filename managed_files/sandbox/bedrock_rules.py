"""The rules of a Converse conversation that no shape tells. Source: AWS's guide to the Converse API."""

from itertools import pairwise

from managed_files.sandbox.answers import Json, Tool
from managed_files.sandbox.bedrock_errors import invalid
from managed_files.sandbox.bedrock_media import Model


def check_conversation(request: Json) -> None:
    """Roles alternate and begin with a user; no blank text; documents come with text; every call gets its result."""
    messages = request.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        raise invalid("A conversation must start with a user message. Try again with one that does.")
    for before, message in pairwise(messages):
        if before["role"] == message["role"]:
            raise invalid("A conversation must alternate between user and assistant roles.")
    for index, message in enumerate(messages):
        _check_content(message["content"], f"messages.{index}.content")
    for index, message in enumerate(messages):
        following = messages[index + 1] if index + 1 < len(messages) else {"content": []}
        _check_results(message["content"], following["content"], index)
    if _used(messages) and "toolConfig" not in request:
        raise invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")


def check_thinking(request: Json, model: Model) -> None:
    """Source: AWS's pages "Adaptive thinking" and "Extended thinking"."""
    thinking = (request.get("additionalModelRequestFields") or {}).get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return
    if not model.budgets:
        raise invalid(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    turns = request["messages"]
    if "toolResult" in turns[-1]["content"][0] and "reasoningContent" not in turns[-2]["content"][0]:
        raise invalid(
            "Expected `thinking` or `redacted_thinking`. When `thinking` is enabled, a final `assistant` "
            "message must start with a thinking block."
        )


def _check_content(content: list[Json], where: str) -> None:
    if not content:
        raise invalid(f"The content field in the Message object at {where} is empty.")
    if any("text" in block and not block["text"].strip() for block in content):
        raise invalid(f"The text field in the ContentBlock object at {where} is blank.")
    if any("document" in block for block in content) and not any("text" in block for block in content):
        raise invalid("A text block is required in a message that contains a document.")
    for index, block in enumerate(content):
        if "cachePoint" in block and (index == 0 or "cachePoint" in content[index - 1]):
            raise invalid(f"A cachePoint at {where} has nothing to cache before it.")


def _check_results(content: list[Json], following: list[Json], index: int) -> None:
    calls = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
    results = [block["toolResult"]["toolUseId"] for block in following if "toolResult" in block]
    if sorted(results) != sorted(calls):
        raise invalid(
            f"The number of toolResult blocks at messages.{index + 1}.content does not match the number of toolUse "
            "blocks of previous turn."
        )
    if any("toolResult" in block for block in content) and index == 0:
        raise invalid("toolResult blocks need the toolUse blocks of a turn before.")


def _used(messages: list[Json]) -> bool:
    return any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"])


def offered_tools(request: Json, model: Model) -> tuple[str, list[Tool]]:
    """The mode of calling (auto or any), and the tools that may be called."""
    config = request.get("toolConfig")
    if config is None:
        return "none", []
    if not model.tools:
        raise invalid("This model doesn't support tool use.")
    specs = [tool["toolSpec"] for tool in config["tools"] if "toolSpec" in tool]
    tools = [Tool(spec["name"], spec["inputSchema"]["json"]) for spec in specs]
    choice = config.get("toolChoice", {"auto": {}})
    if "tool" not in choice:
        return "any" if "any" in choice else "auto", tools
    named = [tool for tool in tools if tool.name == choice["tool"]["name"]]
    if not named:
        raise invalid("The toolChoice names a tool that is not among the tools.")
    return "any", named
