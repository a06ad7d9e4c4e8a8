"""Any request for Claude that makes sense is one to Anthropic's package and to its stand-in too."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.sandbox.anthropic_access import FILES_BETA, OLD, Access
from managed_files.sandbox.anthropic_answers import answer
from managed_files.sandbox.anthropic_files import FileStore
from managed_files.sandbox.store import Shelf
from tests.anthropic_requests import Json, assert_known

ACCESS = Access("workspace", OLD, frozenset({FILES_BETA}))
STORE = FileStore(Shelf(), 0)

TEXTS = st.text(st.sampled_from("aé \n😀"), max_size=4)
MARKS = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])
MEDIA = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "YQ==", "filename": "a.csv"}, "citations": {"enabled": True}},
        {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
    ]
)
WORDS = st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
PARTS = st.builds(lambda part, mark: {**part, **mark}, WORDS | MEDIA, MARKS)
CONTENTS = TEXTS | st.lists(PARTS, max_size=3)
FUNCTIONS = ["f", "g-2"]


def exchange(asked: Any, said: Any, results: list[tuple[str, Any]], refusal: str) -> list[Json]:
    """A user's message, the answer to it, and if the answer calls functions, what these say."""
    calls = [
        {"id": f"call.{i}", "type": "function", "function": {"name": name, "arguments": '{"x": 1}'}}
        for i, (name, _) in enumerate(results)
    ]
    answered = [
        {"role": "tool", "tool_call_id": f"call.{i}", "content": content} for i, (_, content) in enumerate(results)
    ]
    message = {"role": "assistant", "content": said, "refusal": refusal, **({"tool_calls": calls} if calls else {})}
    return [{"role": "user", "content": asked}, message, *answered]


EXCHANGES = st.builds(
    exchange, CONTENTS, TEXTS, st.lists(st.tuples(st.sampled_from(FUNCTIONS), CONTENTS), max_size=3), TEXTS
)
SYSTEMS = st.builds(
    lambda role, content, mark: {"role": role, "content": content, **mark},
    st.sampled_from(["system", "developer"]),
    TEXTS | st.lists(WORDS, max_size=2),
    MARKS,
)
CHOICES = [
    "auto",
    "none",
    "required",
    {"type": "function", "function": {"name": "f"}},
    {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
    },
]
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "max_completion_tokens": st.integers(9000, 60000),
        "temperature": st.just(1) | st.none(),
        "stop": st.just("END") | st.just(["END", "FIN"]),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high"]),
        "response_format": st.just({"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}),
        "user": TEXTS,
        "service_tier": st.sampled_from(["auto", "default"]),
        "parallel_tool_calls": st.booleans(),
        "stream": st.booleans(),
    },
)
MODELS = st.sampled_from(["claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-5-5"])


@settings(deadline=None)
@given(st.lists(SYSTEMS, max_size=2), st.lists(EXCHANGES, max_size=3), CONTENTS, FIELDS, st.integers(0, 4), MODELS)
def test_sense(
    systems: list[Json], exchanges: list[list[Json]], asked: Any, fields: Json, choice: int, model: str
) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in FUNCTIONS]
    begin = {"role": "user", "content": "Hello."}
    talk = [*systems, begin, *(message for messages in exchanges for message in messages)]
    if model == "claude-opus-5-5" and fields.get("reasoning_effort") == "none":  # it always thinks
        fields = {**fields, "reasoning_effort": "low"}
    forced = choice > 1 and ("reasoning_effort" in fields or model == "claude-opus-5-5")  # then none can be forced
    chosen = {} if forced else {"tool_choice": CHOICES[choice]}
    body = {"messages": [*talk, {"role": "user", "content": asked or "Go on."}], "tools": tools, **chosen, **fields}

    request = DIALECTS["anthropic"].request(body, model)

    assert_known(request)
    if request["messages"][-1]["role"] == "user":  # an empty last message leaves Claude's own words at the end
        assert answer(request, ACCESS, STORE).whole()["role"] == "assistant"
