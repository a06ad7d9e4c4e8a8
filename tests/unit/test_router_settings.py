"""`router_settings` and `litellm_settings`: what they mean, and what is said of a mistake."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.errors import ConfigError
from managed_files.providers.registry import CATALOG
from managed_files.router_settings import STRATEGIES, RouterSettings
from managed_files.settings import parse

GROUPS = ("a", "b", "c")


def configured(**sections: Any) -> RouterSettings:
    entries = [{"model_name": name, "litellm_params": {"model": "gpt-4o", "api_key": "sk-1"}} for name in GROUPS]
    return parse({"model_list": entries, **sections}, CATALOG, {}).router


def test_the_defaults() -> None:
    assert configured() == configured(router_settings=None) == RouterSettings()


def test_everything_at_once(caplog: pytest.LogCaptureFixture) -> None:
    router = configured(
        router_settings={
            "routing_strategy": "least-busy",
            "num_retries": 0,
            "allowed_fails": 1,
            "cooldown_time": 30,
            "fallbacks": [{"a": ["b", "c"]}, {"b": ["c"]}],
            "context_window_fallbacks": {"a": ["c"]},
            "default_fallbacks": ["c"],
        },
        litellm_settings={"drop_params": True},
    )
    expected = RouterSettings(
        "least-busy", 0, 1, 30.0, {"a": ("b", "c"), "b": ("c",)}, {"a": ("c",)}, ("c",), drop_params=True
    )
    assert (router, caplog.messages) == (expected, [])


def test_router_settings_go_before_litellm_settings() -> None:
    router = configured(router_settings={"num_retries": 1}, litellm_settings={"num_retries": 5, "allowed_fails": 7})
    assert (router.num_retries, router.allowed_fails) == (1, 7)


def test_nulls_count_as_absent() -> None:
    assert configured(router_settings={"num_retries": None, "fallbacks": None}) == RouterSettings()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_taken_by_its_name(strategy: str, caplog: pytest.LogCaptureFixture) -> None:
    assert (configured(router_settings={"routing_strategy": strategy}).routing_strategy, caplog.messages) == (
        strategy,
        [],
    )


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2", "cost-based-routing"])
def test_a_strategy_that_only_litellm_has_is_a_warning(strategy: str, caplog: pytest.LogCaptureFixture) -> None:
    configured(router_settings={"routing_strategy": strategy})
    assert caplog.messages == [f"routing_strategy: {strategy} is not known here, requests are drawn by weight"]


def test_keys_that_only_litellm_has_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    configured(router_settings={"redis_host": "os.environ/NOT_SET", "num_retries": 1})
    assert caplog.messages == ["configuration keys that this gateway does not use: router_settings.redis_host"]


def test_fallbacks_to_nowhere_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    configured(router_settings={"fallbacks": [{"*": ["b", "x"]}], "default_fallbacks": ["y", "c"]})
    assert caplog.messages == ["fallbacks to models that model_list does not have are passed over: x, y"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"num_retries": -1}, "router_settings.num_retries: Must be greater than or equal to 0"),
        ({"num_retries": "many"}, "router_settings.num_retries: Not a valid integer."),
        ({"cooldown_time": -1}, "router_settings.cooldown_time: Must be greater than or equal to 0."),
        ({"routing_strategy": "fastest"}, "router_settings.routing_strategy: Must be one of: simple-shuffle, "),
        ({"fallbacks": "a"}, "router_settings.fallbacks: Give a list like "),
        ({"fallbacks": [["a", "b"]]}, "router_settings.fallbacks: Give a list like "),
        ({"fallbacks": [{"a": "b"}]}, "router_settings.fallbacks: The fallbacks of a have to be a list"),
        ({"default_fallbacks": "a"}, "router_settings.default_fallbacks: Not a valid list."),
        ({"drop_params": "perhaps"}, "router_settings.drop_params: Not a valid boolean."),
        (["num_retries"], "router_settings: Not a valid mapping type."),
        ("num_retries", "router_settings: Not a valid mapping type."),
        (1, "router_settings: Not a valid mapping type."),
    ],
    ids=str,
)
def test_a_mistake_is_told_with_its_place(section: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configured(router_settings=section)
    assert said in refused.value.message


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["num_retries", "cooldown_time", "fallbacks", "default_fallbacks", "drop_params", "other"])


@given(JUNK | st.dictionaries(KEYS, JUNK, max_size=3))
@settings(deadline=None, max_examples=200)
def test_junk_is_a_mistake_or_settings_but_never_a_traceback(section: Any) -> None:
    with suppress(ConfigError):
        assert isinstance(configured(router_settings=section), RouterSettings)


@pytest.mark.parametrize(
    ("too_long", "group", "groups"),
    [
        (False, "a", ("b",)),
        (True, "a", ("c",)),
        (False, "b", ("x",)),
        (True, "b", ("x",)),
    ],
)
def test_which_fallbacks_a_group_has(too_long: bool, group: str, groups: tuple[str, ...]) -> None:
    router = RouterSettings(fallbacks={"a": ("b",), "*": ("x",)}, context_window_fallbacks={"a": ("c",)})
    assert router.fallbacks_of(group, too_long=too_long) == groups


def test_without_fallbacks_of_its_own_a_group_has_the_default_ones() -> None:
    router = RouterSettings(fallbacks={"a": ()}, default_fallbacks=("z",))
    assert [router.fallbacks_of(group) for group in ("a", "b")] == [(), ("z",)]
