"""Which parts of a request may name files, and the same request with others, over hand-made and random ones."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.batch_records import CHAT, EMBEDDINGS, RESPONSES
from managed_files.errors import InvalidRequest
from managed_files.ids import new_file_id
from managed_files.services.references import references, rewritten

OURS = "file-mf-" + "b" * 32
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
CARRIERS = {
    "file": ({"type": "file", "file": {"file_id": OURS, "filename": "a.pdf"}}, "file.file_id"),
    "image object": ({"type": "image_url", "image_url": {"url": OURS, "detail": "low"}}, "image_url.url"),
    "image text": ({"type": "image_url", "image_url": OURS}, "image_url"),
    "audio": ({"type": "input_audio", "input_audio": {"data": OURS, "format": "wav"}}, "input_audio.data"),
}
PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "text content": ({"messages": [{"role": "user", "content": f"see {OURS}"}]}, "messages[0].content"),
    "text part": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": OURS}]}]},
        "messages[0].content[0].text",
    ),
    "more than the id": (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": f" {OURS}"}}]}]},
        "messages[0].content[0].file.file_id",
    ),
    "Mistral's own shape": (
        {"messages": [{"role": "user", "content": [{"type": "file", "file_id": OURS}]}]},
        "messages[0].content[0].file_id",
    ),
    "wrong part type": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "file": {"file_id": OURS}}]}]},
        "messages[0].content[0].file.file_id",
    ),
    "file_data": (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": OURS}}]}]},
        "messages[0].content[0].file.file_data",
    ),
    "tool arguments": (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": f'{{"f":"{OURS}"}}'}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    "a key": ({"messages": [], "metadata": {OURS: "x"}}, f"metadata.{OURS}"),
    "metadata": ({"messages": [], "metadata": {"file": OURS}}, "metadata.file"),
    "user": ({"messages": [], "user": OURS}, "user"),
    "model": ({"messages": [], "model": OURS}, "model"),
    "top-level key": ({"messages": [], OURS: 1}, OURS),
    "deep": ({"messages": [], "tools": [{"function": {"enum": [[OURS]]}}]}, "tools[0].function.enum[0][0]"),
}
NAMED = {"type": "input_file", "file_id": OURS}
IN_RESPONSES: dict[str, tuple[dict[str, Any], str]] = {
    "a message": ({"input": [{"role": "user", "content": [{"type": "input_text"}, NAMED]}]}, "input[0].content[1]"),
    "a tool's output": ({"input": [{"type": "function_call_output", "output": [NAMED]}]}, "input[0].output[0]"),
    "an image": ({"input": [{"content": [{"type": "input_image", "file_id": OURS}]}]}, "input[0].content[0]"),
    "a screenshot": ({"input": [{"output": {"type": "computer_screenshot", "file_id": OURS}}]}, "input[0].output"),
    "beside junk": ({"input": [{"type": ["input_file"], "file_id": "x"}, NAMED]}, "input[1]"),
    "a prompt's variable": ({"prompt": {"id": "p", "variables": {"paper": NAMED}}}, "prompt.variables.paper"),
}
PLAIN_TEXT = st.text(max_size=8).filter(lambda text: "file-mf-" not in text)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("carrier", sorted(CARRIERS))
def test_finds_every_carrier_in_every_role(carrier: str, role: str) -> None:
    part, place = CARRIERS[carrier]
    body = {"messages": [{"role": "user", "content": "hi"}, {"role": role, "content": [{"type": "text"}, part]}]}
    found = [(item.part, item.file_id, item.param, item.managed) for item in references(body)]
    assert found == [(("messages", 1, "content", 1), OURS, f"messages[1].content[1].{place}", True)]


@pytest.mark.parametrize("place", sorted(IN_RESPONSES))
def test_finds_every_carrier_of_a_response(place: str) -> None:
    body, param = IN_RESPONSES[place]
    assert [(item.param, item.file_id) for item in references(body, RESPONSES)] == [(f"{param}.file_id", OURS)]


def test_finds_the_files_of_a_container() -> None:
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-abc", OURS]}}
    found = [(item.param, item.managed) for item in references({"tools": [{}, tool]}, RESPONSES)]
    assert found == [("tools[1].container.file_ids[0]", False), ("tools[1].container.file_ids[1]", True)]


@pytest.mark.parametrize(
    ("endpoint", "body", "param", "remedy"),
    [
        (CHAT, {"messages": [{"content": [NAMED]}]}, "messages[0].content[0].file_id", '"type": "file"'),
        (RESPONSES, {"input": OURS}, "input", '"type": "input_file"'),
        (RESPONSES, {"input": [{"type": "input_image", "image_url": OURS}]}, "input[0].image_url", "input_file"),
        (RESPONSES, {"messages": [{"content": [NAMED]}]}, "messages[0].content[0].file_id", "input_file"),
        (EMBEDDINGS, {"input": [OURS]}, "input[0]", "Leave it out."),
    ],
)
def test_an_id_in_the_wrong_place_is_told_the_right_one(
    endpoint: str, body: dict[str, Any], param: str, remedy: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        references(body, endpoint)
    assert (refused.value.param, remedy in refused.value.message) == (param, True)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_refuses_our_id_anywhere_else(place: str) -> None:
    body, param = PLACES[place]
    with pytest.raises(InvalidRequest) as refused:
        references(body)
    assert (refused.value.param, OURS in refused.value.message) == (param, True)


@pytest.mark.parametrize(
    "text", ["https://example.org/a.png", "data:image/png;base64,AAAA", "UklGRg==", "filename.png", ""]
)
def test_leaves_addresses_and_bytes_alone(text: str) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": text}},
        {"type": "image_url", "image_url": text},
        {"type": "input_audio", "input_audio": {"data": text}},
        {"type": "file", "file": {"file_data": text}},
    ]
    assert references({"messages": [{"role": "user", "content": parts}]}) == []


@pytest.mark.parametrize(
    "remote_id",
    [
        "file-abc123",
        "file_011CNha8iCJcU1wXNR6q4V8w",
        "files/abc",
        "gs://b/o",
        "GS://b/o",
        "s3://b/o",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "HTTPS://me@generativelanguage.googleapis.com:443/v1beta/files/abc",
    ],
)
def test_finds_ids_of_providers_and_says_so(remote_id: str) -> None:
    parts = [
        {"type": "file", "file": {"file_id": remote_id}},
        {"type": "image_url", "image_url": {"url": remote_id}},
        {"type": "input_audio", "input_audio": {"data": remote_id}},
        {"type": "file", "file": {"file_data": remote_id}},
        {"type": "file", "file_id": remote_id},
        {"type": "document", "source": {"type": "file", "file_id": remote_id}},
    ]
    found = references({"messages": [{"role": "user", "content": parts}]})
    assert [(item.file_id, item.managed) for item in found] == [(remote_id, False)] * len(parts)


@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES])
def test_what_is_deep_and_wide_takes_no_more_memory_than_what_is_flat(endpoint: str) -> None:
    value: Any = ["a"] * 20_000
    for _ in range(500):
        value = [value]
    body = {"a": OURS, "messages": [{"content": [{"type": "x", "x": value}]}], "input": value, "z": OURS}
    tracemalloc.start()
    with pytest.raises(InvalidRequest, match="contains"):
        references(body, endpoint)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20  # with a path to each of them it is more than 80 MB


def test_finds_the_mask_of_an_image() -> None:
    tools = [{"type": "image_generation", "input_image_mask": {"file_id": file_id}} for file_id in ("file-abc", OURS)]
    found = [(item.param, item.managed) for item in references({"tools": tools}, RESPONSES)]
    assert found == [("tools[0].input_image_mask.file_id", False), ("tools[1].input_image_mask.file_id", True)]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_an_id_planted_anywhere_in_random_json_is_refused(data: st.DataObject) -> None:
    planted = new_file_id()
    body = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}], "extra": data.draw(JSON)}
    spots = list(_spots(body))
    _plant(data.draw(st.sampled_from(spots)), f"{data.draw(PLAIN_TEXT)}{planted}", data.draw(st.booleans()))
    with pytest.raises(InvalidRequest, match=planted):
        references(json.loads(json.dumps(body)))


@settings(deadline=None, max_examples=200)
@given(JSON, JSON)
def test_random_json_without_an_id_names_no_file(messages: Any, extra: Any) -> None:
    assert references({"messages": messages, "extra": extra}) == []


@settings(deadline=None, max_examples=200)
@given(st.data(), JSON)
def test_what_is_not_rewritten_stays(data: st.DataObject, inner: Any) -> None:
    body = {"inner": inner}
    before = json.dumps(body)
    paths = data.draw(st.lists(st.sampled_from(_leaves((), body)), unique=True))
    new = rewritten(body, [(path, lambda old: [old]) for path in paths])
    expected = json.loads(before)
    for path in paths:
        _wrap(expected, path)
    assert (new, json.dumps(body)) == (expected, before)


def _leaves(path: tuple[Any, ...], value: Any) -> list[tuple[Any, ...]]:
    """The paths of all values that hold no others."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, inner in items for leaf in _leaves((*path, key), inner)] or [path]


def _wrap(value: Any, path: tuple[Any, ...]) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = [value[path[-1]]]


def _spots(value: Any) -> Any:
    """Every object and list of the request."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _spots(inner)


def _plant(spot: Any, text: str, as_key: bool) -> None:
    if isinstance(spot, list):
        spot.append([text] if as_key else text)
    elif as_key:
        spot[text] = 1
    else:
        spot["planted"] = text
