"""Messages for Claude: roles, turns, tool calls with their results, thoughts, and what OpenAI has no word for."""

from typing import Any

import pytest

from managed_files.errors import Inexpressible, InvalidRequest
from tests.anthropic_requests import Json, translate

MARK = {"cache_control": {"type": "ephemeral"}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}


def turns(*messages: Json, **fields: Any) -> list[tuple[str, list[Json]]]:
    return [(turn["role"], turn["content"]) for turn in translate({"messages": list(messages), **fields})["messages"]]


def refused(*messages: Any) -> tuple[str | None, type[InvalidRequest]]:
    with pytest.raises(InvalidRequest) as caught:
        translate({"messages": list(messages)})
    return caught.value.param, type(caught.value)


def user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def assistant(content: Any = None, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def call(call_id: str, name: str = "f", arguments: str = "{}", **more: Any) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def result(call_id: str, content: Any = "ok", **more: Any) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def used(call_id: str, name: str = "f", arguments: Json | None = None, **more: Any) -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments or {}, **more}


def answered(call_id: str, words: str = "ok", **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, "content": [text(words)], **more}


def test_instructions_stand_before_all_in_order() -> None:
    messages = [{"role": "system", "content": "A"}, user("Hi"), {"role": "developer", "content": [text("B")]}]
    assert translate({"messages": messages})["system"] == [text("A"), text("B")]


def test_consecutive_messages_of_one_role_are_one() -> None:
    assert turns(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        ("user", [text("a"), text("b")]),
        ("assistant", [text("c"), text("d")]),
        ("user", [text("e")]),
    ]


def test_empty_texts_are_left_out() -> None:
    assert turns(user([text(""), text("\n"), text("a ")]), assistant(" "), user("b")) == [
        ("user", [text("a "), text("b")])
    ]


def test_a_refusal_was_said() -> None:
    parts = [{"type": "refusal", "refusal": "b"}]
    assert turns(user("a"), assistant(None, refusal="no"), assistant(parts)) == [
        ("user", [text("a")]),
        ("assistant", [text("no"), text("b")]),
    ]


def test_all_results_of_a_turn_stand_in_one_message_before_its_text() -> None:
    calls = assistant("So:", tool_calls=[call("c1", arguments='{"x": 1}'), call("c2", "g")])
    assert turns(user("a"), calls, result("c2"), user("and?"), result("c1", "yes")) == [
        ("user", [text("a")]),
        ("assistant", [text("So:"), used("c1", arguments={"x": 1}), used("c2", "g")]),
        ("user", [answered("c2"), answered("c1", "yes"), text("and?")]),
    ]


def test_a_result_of_many_parts() -> None:
    parts = [text("a"), {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    (_, _, (_, blocks)) = turns(user("a"), assistant(tool_calls=[call("c1")]), result("c1", parts))
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert blocks == [{"type": "tool_result", "tool_use_id": "c1", "content": [text("a"), image]}]


def test_an_empty_result_and_a_failed_one() -> None:
    calls = assistant(tool_calls=[call("c1"), call("c2")])
    (_, _, (_, blocks)) = turns(user("a"), calls, result("c1", ""), result("c2", "bad", is_error=True, name="f"))
    assert blocks == [{"type": "tool_result", "tool_use_id": "c1"}, answered("c2", "bad", is_error=True)]


def test_ids_of_other_providers_are_spelt_as_anthropic_wants() -> None:
    (_, (_, called), (_, blocks)) = turns(user("a"), assistant(tool_calls=[call("call:1.é")]), result("call:1.é"))
    assert (called, blocks) == ([used("call_1__")], [answered("call_1__")])


def test_the_deprecated_form_of_calls() -> None:
    called = {"name": "f", "arguments": '{"x": 1}'}
    messages = [user("a")]
    for _ in range(2):
        messages += [assistant(function_call=called), {"role": "function", "name": "f", "content": "ok"}]
    assert turns(*messages)[1:] == [
        ("assistant", [used("call_0", arguments={"x": 1})]),
        ("user", [answered("call_0")]),
        ("assistant", [used("call_1", arguments={"x": 1})]),
        ("user", [answered("call_1")]),
    ]


def test_markers_of_the_cache_stand_where_they_were_put() -> None:
    calls = assistant("b", tool_calls=[call("c1", **MARK), call("c2")], **MARK)
    messages = [{"role": "system", "content": "s", **MARK}, user([text("a", **MARK), text("b")]), calls]
    request = translate({"messages": [*messages, result("c1", **MARK), result("c2")]})
    assert (request["system"], [turn["content"] for turn in request["messages"]]) == (
        [text("s", **MARK)],
        [
            [text("a", **MARK), text("b")],
            [text("b"), used("c1", **MARK), used("c2", **MARK)],
            [answered("c1", **MARK), answered("c2")],
        ],
    )


def test_thoughts_come_first_as_they_were() -> None:
    said = assistant("b", thinking_blocks=[THOUGHT, HIDDEN], reasoning_content="hm", tool_calls=[call("c1")])
    (_, (_, blocks), _) = turns(user("a"), said, result("c1"))
    assert blocks == [THOUGHT, HIDDEN, text("b"), used("c1")]


@pytest.mark.parametrize(("kept", "thinks"), [([THOUGHT], True), ([], False)])
def test_an_older_claude_goes_on_thinking_only_where_it_began(kept: list[Json], thinks: bool) -> None:
    messages = [user("a"), assistant(tool_calls=[call("c1")], thinking_blocks=kept), result("c1")]
    assert ("thinking" in translate({"messages": messages, "reasoning_effort": "low"})) == thinks


def test_an_answer_that_openai_cannot_hold_goes_back_whole() -> None:
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    content = [text("First"), search, found, text("then"), used("c1")]
    carried = {"extra_content": {"anthropic": {"content": content, "stop_reason": "pause_turn"}}}
    said = assistant("Firstthen", tool_calls=[call("c1")], citations=[], annotations=[], **carried)
    assert turns(user("a"), said, result("c1"))[1:] == [("assistant", content), ("user", [answered("c1")])]


STORED = {"type": "document", "source": {"type": "file", "file_id": "file_of_another"}}


@pytest.mark.parametrize(
    "block",
    [
        STORED,
        {"type": "container_upload", "file_id": "file_of_another"},
        {"type": "tool_result", "tool_use_id": "c", "content": [STORED]},
    ],
)
def test_no_stored_file_comes_in_by_the_back_door(block: Json) -> None:
    carried = {"extra_content": {"anthropic": {"content": [block]}}}
    where = "messages[1].extra_content.anthropic.content[0]"
    assert refused(user("a"), assistant("b", **carried)) == (where, InvalidRequest)


@pytest.mark.parametrize(
    ("message", "param", "kind"),
    [
        (user("a", name="Ann"), "messages[1].name", Inexpressible),
        ({"role": "system", "content": [{"type": "file", "file": {"file_id": "f"}}]}, "messages[1].content[0].type",
         Inexpressible),
        (assistant(tool_calls=[{**call("c"), "type": "custom"}]), "messages[1].tool_calls[0].type", Inexpressible),
        (assistant(tool_calls=[call("c", arguments="{")]), "messages[1].tool_calls[0].function.arguments",
         InvalidRequest),
        (assistant(tool_calls=[call("c", arguments='{"x": 1e999}')]), "messages[1].tool_calls[0].function.arguments",
         InvalidRequest),
        (assistant(tool_calls=[call("c", arguments="[]")]), "messages[1].tool_calls[0].function.arguments",
         InvalidRequest),
        (assistant(thinking_blocks=[{"type": "text"}]), "messages[1].thinking_blocks[0].type", InvalidRequest),
        (assistant(thinking_blocks=[{"type": "thinking", "thinking": "a"}]), "messages[1].thinking_blocks[0].signature",
         InvalidRequest),
        (assistant(extra_content={"anthropic": {"more": 1}}), "messages[1].extra_content.anthropic.more",
         Inexpressible),
        (result("unknown"), "messages[1].tool_call_id", InvalidRequest),
        ({"role": "function", "name": "f", "content": "x"}, "messages[1].name", InvalidRequest),
        ({"role": "robot", "content": "x"}, "messages[1].role", InvalidRequest),
        ({"role": ["user"], "content": "x"}, "messages[1].role", InvalidRequest),
    ],
)  # fmt: skip
def test_refused_with_the_name_of_the_place(message: Json, param: str, kind: type) -> None:
    assert refused(user("Hi"), message) == (param, kind)


def test_claude_does_not_begin() -> None:
    assert refused(assistant("a"), user("b")) == ("messages[0].role", Inexpressible)
