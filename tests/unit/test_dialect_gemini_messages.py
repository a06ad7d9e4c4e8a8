"""Messages for Gemini: roles, turns, tool calls with their results, and thought signatures."""

from typing import Any

import pytest
from google.genai import types

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import InvalidRequest

Json = dict[str, Any]
SIGNED = {"google": {"thought_signature": "c2ln"}}


def request(*messages: Json, model: str = "gemini-2.5-flash") -> Json:
    """The translation, after Google's SDK has found every key and type in its place."""
    translated = DIALECTS["gemini"].request({"messages": list(messages)}, model)
    for content in translated["contents"]:
        types.Content.model_validate(content)
    return translated


def contents(*messages: Json, model: str = "gemini-2.5-flash") -> list[tuple[str, list[Json]]]:
    return [(content["role"], content["parts"]) for content in request(*messages, model=model)["contents"]]


def refused(*messages: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        request(*messages)
    return caught.value.param


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def call(call_id: str, name: str = "f", arguments: str = "{}", **more: Any) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*tool_calls: Json, **more: Any) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": list(tool_calls), **more}


def result(call_id: str, content: Any = "ok", **more: Any) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def function_call(call_id: str, name: str = "f", **more: Any) -> Json:
    return {"functionCall": {"id": call_id, "name": name, "args": {}}, **more}


def function_response(call_id: str, name: str = "f", output: str = "ok") -> Json:
    return {"functionResponse": {"id": call_id, "name": name, "response": {"output": output}}}


def test_instructions_anywhere_become_one_in_order() -> None:
    messages = (
        {"role": "system", "content": "A"},
        user("Hi"),
        {"role": "developer", "content": [{"type": "text", "text": "B"}, {"type": "text", "text": "C"}]},
    )
    assert request(*messages) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "A"}, {"text": "B"}, {"text": "C"}]},
    }


def test_turns_of_one_role_are_merged() -> None:
    turns = (
        user("1"),
        user("2"),
        {"role": "assistant", "content": "3"},
        {"role": "assistant", "content": "4"},
        user("5"),
    )
    assert contents(*turns) == [
        ("user", [{"text": "1"}, {"text": "2"}]),
        ("model", [{"text": "3"}, {"text": "4"}]),
        ("user", [{"text": "5"}]),
    ]


def test_an_empty_text_is_none() -> None:
    empty = {"type": "text", "text": ""}
    turns = (
        {"role": "system", "content": ""},
        user([empty, {"type": "text", "text": "a"}]),
        {"role": "assistant", "content": [empty]},
        {"role": "assistant", "content": ""},
        user(""),
        user("b"),
    )
    assert request(*turns) == {"contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]}


def test_a_result_may_be_empty() -> None:
    assert contents(calls(call("c")), result("c", ""))[1] == ("user", [function_response("c", output="")])


def test_an_assistant_may_have_refused() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    assert contents({"role": "assistant", "content": parts, "refusal": "c"}) == [
        ("model", [{"text": "a"}, {"text": "b"}, {"text": "c"}])
    ]


def test_what_an_answer_had_can_be_sent_back() -> None:
    echo = {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "annotations": [],
        "reasoning_content": "hm",
        "audio": None,
    }
    assert contents(echo) == [("model", [{"text": "a"}])]


def test_results_stand_in_the_order_of_the_calls() -> None:
    arguments = call("c1", "f", '{"x": [1, "é"]}')
    history = (
        user("go"),
        calls(arguments, call("c2", "g"), content="so"),
        result("c2", "2"),
        result("c1", "1"),
        user("?"),
    )
    assert contents(*history) == [
        ("user", [{"text": "go"}]),
        (
            "model",
            [
                {"text": "so"},
                {"functionCall": {"id": "c1", "name": "f", "args": {"x": [1, "é"]}}},
                function_call("c2", "g"),
            ],
        ),
        ("user", [function_response("c1", "f", "1"), function_response("c2", "g", "2")]),
        ("user", [{"text": "?"}]),
    ]


def test_ids_may_come_again_in_a_later_turn() -> None:
    turns = (calls(call("0", "a"), call("1", "b")), result("1"), result("0"))
    again = (calls(call("0", "c"), call("1", "d")), result("1"), result("0"))
    assert contents(*turns, *again)[3] == ("user", [function_response("0", "c"), function_response("1", "d")])


def test_results_may_hold_several_texts_and_media() -> None:
    media = {"type": "file", "file": {"file_id": "gs://b/o", "format": "image/png"}}
    content = [{"type": "text", "text": "a"}, media, {"type": "text", "text": "b"}]
    assert contents(calls(call("c")), result("c", content, name="f"), model="gemini-3-pro")[1] == (
        "user",
        [
            {
                "functionResponse": {
                    "id": "c",
                    "name": "f",
                    "response": {"output": "a\nb"},
                    "parts": [{"fileData": {"fileUri": "gs://b/o", "mimeType": "image/png"}}],
                }
            }
        ],
    )


def test_results_of_older_models_are_texts() -> None:
    empty = {"type": "text", "text": ""}
    content = [empty, {"type": "file", "file": {"file_id": "gs://b/o", "format": "image/png"}}]
    assert refused(user("a"), calls(call("c")), result("c", content)) == "messages[2].content[1].type"


def test_deprecated_function_role() -> None:
    history = (
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}},
        {"role": "function", "name": "f", "content": "4"},
    )
    assert contents(*history) == [
        ("model", [{"functionCall": {"name": "f", "args": {}}}]),
        ("user", [{"functionResponse": {"name": "f", "response": {"output": "4"}}}]),
    ]


def test_signatures_return_to_the_parts_they_came_from() -> None:
    history = (
        {"role": "assistant", "content": "a", "extra_content": SIGNED},
        user("b"),
        calls(call("c", extra_content=SIGNED), call("d")),
    )
    assert contents(*history, model="gemini-3-pro") == [
        ("model", [{"text": "a", "thoughtSignature": "c2ln"}]),
        ("user", [{"text": "b"}]),
        ("model", [function_call("c", thoughtSignature="c2ln"), function_call("d")]),
    ]


def test_a_signature_without_text_keeps_a_part_of_its_own() -> None:
    assert contents(calls(call("c"), extra_content=SIGNED)) == [
        ("model", [{"text": "", "thoughtSignature": "c2ln"}, function_call("c")])
    ]


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("gemini-2.5-pro", {}),
        ("gemini-3-flash", {"thoughtSignature": "skip_thought_signature_validator"}),
    ],
)
def test_gemini_3_gets_a_stand_in_on_the_first_call_of_a_step(model: str, signature: Json) -> None:
    steps = (calls(call("1"), call("2")), result("1"), result("2"), calls(call("3")))
    assert contents(*steps, model=model)[::2] == [
        ("model", [function_call("1", **signature), function_call("2")]),
        ("model", [function_call("3", **signature)]),
    ]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([user("a"), result("nobody")], "messages[1].tool_call_id"),
        ([result("early"), calls(call("early"))], "messages[0].tool_call_id"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([calls(call("a", arguments="{'x'"))], "messages[0].tool_calls[0].function.arguments"),
        ([calls(call("a"), call("b", arguments="[1]"))], "messages[0].tool_calls[1].function.arguments"),
        ([calls(call("a", arguments='{"x": NaN}'))], "messages[0].tool_calls[0].function.arguments"),
        ([calls(call("a", arguments="[" * 100_000))], "messages[0].tool_calls[0].function.arguments"),
        ([calls({"id": "a", "type": "custom", "custom": {}})], "messages[0].tool_calls[0].type"),
        ([calls({"type": "function", "function": {}})], "messages[0].tool_calls[0].id"),
        ([calls({"id": "a", "function": {"name": 5}})], "messages[0].tool_calls[0].function.name"),
        ([calls("call")], "messages[0].tool_calls[0]"),
        ([{"role": "assistant", "tool_calls": {}}], "messages[0].tool_calls"),
        ([{"role": "assistant", "content": "a", "extra_content": "x"}], "messages[0].extra_content"),
        ([{"role": "assistant", "content": "a", "audio": {"id": "x"}}], "messages[0].audio"),
        ([{"role": "user", "content": "a", "name": "Ann"}], "messages[0].name"),
        ([{"role": "function", "content": "a"}], "messages[0].name"),
        ([{"role": "critic", "content": "a"}], "messages[0].role"),
        ([{"content": "a"}], "messages[0].role"),
        ([user(None)], "messages[0].content"),
        ([user(5)], "messages[0].content"),
        ([user("")], "messages"),
        (["Hi"], "messages[0]"),
        ([{"role": "system", "content": "only this"}], "messages"),
        (
            [{"role": "system", "content": [{"type": "text", "text": ""}, {"type": "file", "file": {}}]}],
            "messages[0].content[1].type",
        ),
    ],
)
def test_refused_with_the_name_of_the_field(messages: list[Any], param: str) -> None:
    assert refused(*messages) == param
