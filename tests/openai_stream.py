"""What OpenAI's own SDK makes of the chunks of a stream."""

from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

Json = dict[str, Any]


def assembled(values: list[Json], index: int = 0) -> Json:
    """The choice of this index, put together as `client.chat.completions.stream` does it; no text is ""."""
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for value in values:
        mine = [{**choice, "index": 0} for choice in value["choices"] if choice["index"] == index]
        state.handle_chunk(ChatCompletionChunk.model_validate({**value, "choices": mine}))
    (choice,) = state.current_completion_snapshot.to_dict()["choices"]  # type: ignore[misc]
    message: Json = {"refusal": None} | {key: value for key, value in choice["message"].items() if value is not None}
    for place, call in enumerate(message.get("tool_calls") or ()):
        assert call.pop("index") == place
        call["function"].pop("parsed_arguments", None)
    return {"index": index, "message": message, "finish_reason": choice["finish_reason"]}


def of_a_whole(choice: Json) -> Json:
    """The choice of an answer in one piece in the same words: a stream begins before it is known if there is a text."""
    message = {**choice["message"], "content": choice["message"]["content"] or ""}
    return {"index": choice["index"], "message": message, "finish_reason": choice["finish_reason"]}
