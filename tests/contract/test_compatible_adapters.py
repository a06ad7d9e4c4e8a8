"""What tells the OpenAI-compatible providers apart: where files go, and whom an upload is for."""

from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.errors import ProviderFailed
from managed_files.model_list import Environment, deployments_of
from managed_files.providers.compatible import COMPATIBLE
from managed_files.providers.registry import CATALOG
from managed_files.providers.wire import Wire
from managed_files.sandbox.compatible import FLAVOURS
from tests.contract.benches import BENCHES, Bench, sending

OF_NAME = {kind.name: kind for kind in BENCHES}
WITHOUT_FILES = [adapter.name for adapter in COMPATIBLE if not adapter.stores_files]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = OF_NAME[request.param]()
    yield bench
    bench.close()


def text_fields(bench: Bench) -> dict[str, str]:
    """The text fields of the only upload."""
    (request,) = bench.sandbox.requests
    parts = (request.body or b"").decode("latin-1").split('form-data; name="')[1:]
    named = [(part.partition('"')[0], part.partition("\r\n\r\n")[2].partition("\r\n--")[0]) for part in parts]
    return {name: value for name, value in named if name != "file"}


def account_names(*entries: dict[str, Any]) -> list[str]:
    listed = [{"model_name": "m", "litellm_params": entry} for entry in entries]
    return [deployment.account.name for deployment in deployments_of(listed, CATALOG, Environment({}))[0]]


def test_every_row_has_its_flavour() -> None:
    assert {adapter.name: (adapter.stores_files, adapter.batch_api is not None) for adapter in COMPATIBLE} == {
        name: (flavour.files, flavour.batches) for name, flavour in FLAVOURS.items()
    }


@pytest.mark.parametrize("bench", WITHOUT_FILES, indirect=True)
def test_no_file_is_sent_where_no_chat_could_name_it(bench: Bench) -> None:
    with pytest.raises(ProviderFailed) as caught:
        bench.provider.upload(sending(bench.spooled()))

    told = f"{bench.name} stores no files for chat. Leave its models out of target_model_names."
    assert (caught.value.message, caught.value.http_status, list(bench.sandbox.requests)) == (told, 400, [])


@pytest.mark.parametrize("bench", ["litellm_proxy"], indirect=True)
@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"model": "litellm_proxy/gpt-4o"}, {"target_model_names": "gpt-4o"}),
        ({"model": "litellm_proxy/team/gpt-4o"}, {"target_model_names": "team/gpt-4o"}),
        ({"target_model_names": "gpt-4o, claude"}, {"target_model_names": "gpt-4o, claude"}),
    ],
)
def test_an_upload_tells_the_other_gateway_its_models(
    bench: Bench, params: dict[str, Any], sent: dict[str, str]
) -> None:
    bench.adapter(**params).upload(sending(bench.spooled()))

    assert text_fields(bench) == {"purpose": "user_data", **sent}


@pytest.mark.parametrize("bench", ["litellm_proxy"], indirect=True)
def test_an_entry_can_keep_the_models_back(bench: Bench) -> None:
    with pytest.raises(ProviderFailed) as caught:
        bench.adapter(target_model_names="").upload(sending(bench.spooled()))

    assert (text_fields(bench), caught.value.param) == ({"purpose": "user_data"}, "target_model_names")


def test_models_of_another_gateway_are_accounts_of_their_own() -> None:
    gateway = {"api_base": "http://gateway"}
    entries = [{**gateway, "model": f"litellm_proxy/{model}"} for model in ("a", "b", "a")]

    assert account_names(*entries) == [f"litellm_proxy:http://gateway:litellm_proxy/{model}" for model in "aba"]


def test_models_of_one_server_share_its_files() -> None:
    entries = [{"api_base": "http://server", "model": f"openai_like/{model}"} for model in ("a", "b")]

    assert account_names(*entries) == ["openai_like:http://server"] * 2


@pytest.mark.parametrize("bench", [adapter.name for adapter in COMPATIBLE], indirect=True)
def test_a_refused_chat_keeps_the_servers_words(bench: Bench) -> None:
    endpoint = bench.built(bench.wrong_params()).chat(bench.deployment(), stream=False)
    wire = Wire(bench.name, bench.upstream, 10)

    with pytest.raises(ProviderFailed, match="Incorrect API key provided") as caught:
        wire.send("POST", endpoint.url, headers=endpoint.headers, body=bench.chat_body(False))

    assert (caught.value.upstream_status, caught.value.http_status) == (401, 502)
