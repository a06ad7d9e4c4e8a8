"""How requests change for servers that took OpenAI's API over, and that nothing else does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.base import Exchange
from managed_files.dialects.compatible import COMPATIBLE
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]
HELLO: list[Json] = [{"role": "user", "content": "Hi"}]
NAMES = [dialect.name for dialect in COMPATIBLE]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")


def translate(name: str, body: Json, model: str = "org/model") -> Json:
    return DIALECTS[name].request({"messages": HELLO, **body}, model)


def added(name: str, body: Json) -> Json:
    request = translate(name, body)
    assert (request.pop("messages"), request.pop("model")) == (HELLO, "org/model")
    return request


@pytest.mark.parametrize("name", NAMES)
def test_what_everyone_understands_passes(name: str) -> None:
    body = {"temperature": 0.5, "max_tokens": 9, "unknown": {"kept": None}, "stream": True}
    assert added(name, body) == body


@pytest.mark.parametrize("name", NAMES)
def test_a_developer_is_the_system(name: str) -> None:
    messages = [{"role": "developer", "content": "a", "extra": 1}, *HELLO]
    assert translate(name, {"messages": messages})["messages"] == [
        {"role": "system", "content": "a", "extra": 1},
        *HELLO,
    ]


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("groq", "max_completion_tokens"),
        ("xai", "max_completion_tokens"),
        ("fireworks_ai", "max_completion_tokens"),
        ("together_ai", "max_tokens"),
        ("hosted_vllm", "max_tokens"),
        ("openai_like", "max_tokens"),
    ],
)
def test_the_token_limit_has_the_name_that_the_server_knows(name: str, limit: str) -> None:
    assert added(name, {"max_completion_tokens": 9}) == {limit: 9}


@pytest.mark.parametrize(
    "body", [{"max_completion_tokens": 9, "max_tokens": 9}, {"max_completion_tokens": None, "max_tokens": 9}]
)
def test_one_limit_said_twice_is_said_once(body: Json) -> None:
    assert added("hosted_vllm", body) == {"max_tokens": 9}


def test_two_limits_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate("hosted_vllm", {"max_completion_tokens": 9, "max_tokens": 8})
    assert caught.value.param == "max_completion_tokens"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("groq", {"logprobs": True}),
        ("groq", {"top_logprobs": 3}),
        ("groq", {"logit_bias": {"5": 1}}),
        ("xai", {"logit_bias": {"5": 1}}),
        ("together_ai", {"logprobs": True}),
    ],
)
def test_what_a_server_refuses_is_named(name: str, body: Json) -> None:
    with pytest.raises(Inexpressible) as caught:
        translate(name, body)
    assert caught.value.param == next(iter(body))


def test_what_is_off_is_not_sent() -> None:
    assert added("groq", {"logprobs": False, "top_logprobs": None, "logit_bias": {}}) == {}


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("llama-v3", "accounts/fireworks/models/llama-v3"),
        ("accounts/me/deployments/7", "accounts/me/deployments/7"),
    ],
)
def test_a_bare_name_is_one_of_fireworks_own_models(model: str, sent: str) -> None:
    assert translate("fireworks_ai", {}, model)["model"] == sent


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_relayed(name: str) -> None:
    dialect = DIALECTS[name]
    assert (dialect.passthrough, dialect.stream(EXCHANGE).feed(b"data: 1\n\n")) == (True, b"data: 1\n\n")


KEYS = st.sampled_from(["max_tokens", "max_completion_tokens", "logprobs", "logit_bias", "n", "tools", "seed"])
VALUES = st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(), max_size=2)


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.dictionaries(KEYS, VALUES), VALUES | st.sampled_from(["developer", "user"]))
def test_the_clients_body_is_not_changed(name: str, fields: Json, role: Any) -> None:
    body = {"messages": [{"role": role, "content": "Hi"}], **fields}
    before = repr(body)
    try:
        DIALECTS[name].request(body, "m")
    except InvalidRequest as refusal:
        before += "" if refusal.param else "a refusal without a name"
    assert repr(body) == before
