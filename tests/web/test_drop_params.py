"""Fields that a provider's format cannot express: refused, or left out and told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.benches import BENCHES
from tests.contract.benches import Bench as ProviderBench
from tests.routed import STUDIO, Start, Trio, words_of

TAKE_EVERYTHING = ("openai", "azure", "together_ai", "fireworks_ai", "hosted_vllm", "openai_like", "litellm_proxy")


@pytest.mark.parametrize(
    ("everywhere", "here", "status", "dropped"),
    [
        (True, None, 200, "logit_bias, vendor_option"),
        (False, True, 200, "logit_bias, vendor_option"),
        (True, False, 400, None),
        (False, None, 400, None),
    ],
)
def test_drop_params(
    everywhere: bool, here: bool | None, status: int, dropped: str | None, trio: Trio, start: Start
) -> None:
    studio = trio.apart()[2]
    studio["litellm_params"]["drop_params"] = here
    bench = start([studio], drop_params=everywhere)
    answer = bench.chat(STUDIO, logit_bias={"1": 1}, vendor_option=1, temperature=0.5)
    told = answer.headers.get("x-managed-files-dropped-params")
    assert (answer.status_code, told and ", ".join(sorted(told.split(", ")))) == (status, dropped)


def test_what_is_dropped_is_told_on_a_stream_too(trio: Trio, start: Start) -> None:
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, stream=True, logit_bias={"1": 1})
    assert (answer.headers["x-managed-files-dropped-params"], words_of(answer.text)[1]) == ("logit_bias", "[DONE]")


def test_a_field_with_a_hostile_name_is_dropped_and_told_harmlessly(trio: Trio, start: Start) -> None:
    fields: dict[str, Any] = {"a\r\nSet-Cookie: b=ü": 1}
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, **fields)
    told = answer.headers["x-managed-files-dropped-params"], answer.headers.get("Set-Cookie")
    assert told == ("a%0D%0ASet-Cookie%3A%20b%3D%C3%BC", None)


def test_nothing_is_dropped_from_a_message(trio: Trio, start: Start) -> None:
    answer = start(trio.apart(), drop_params=True).chat(STUDIO, {"type": "hologram", "hologram": {}})
    assert answer.status_code == 400


@pytest.fixture(params=[kind for kind in BENCHES if kind.name not in TAKE_EVERYTHING], ids=lambda kind: kind.name)
def provider(request: pytest.FixtureRequest) -> Iterator[ProviderBench]:
    """Every provider that refuses `logit_bias`."""
    bench: ProviderBench = request.param()
    yield bench
    bench.close()


def test_every_other_provider_answers_without_it(provider: ProviderBench, start: Start) -> None:
    params = {**provider.params(), "model": f"{provider.name}/{provider.model}"}
    bench = start([{"model_name": "one", "litellm_params": params}], drop_params=True)
    answer = bench.chat("one", logit_bias={"50256": -100})
    assert (answer.status_code, answer.headers["x-managed-files-dropped-params"]) == (200, "logit_bias")
