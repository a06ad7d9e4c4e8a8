"""The gateway mounted under a prefix of another WSGI application, on a plain threaded server."""

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from openai import NotFoundError, OpenAI
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from app import create_app
from managed_files.providers.registry import CATALOG
from managed_files.settings import parse
from tests import files
from tests.e2e.calls import ask, stream_text, upload
from tests.e2e.gateway import MASTER_KEY
from tests.e2e.providers import GEMINI, GPT, Providers, configuration
from tests.sdk import openai_at

PREFIX = "/ai/files-gateway"


@pytest.fixture(params=["", "/v1"], ids=["without v1", "with v1"])
def client(providers: Providers, url: str, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    """The SDK, pointed at the mounted application."""
    settings = parse(configuration(providers, database_url=url, reconcile_interval=3600), CATALOG, {})
    gateway = create_app(settings)
    host = DispatcherMiddleware(Response("the host's own page"), {PREFIX: gateway})
    server = make_server("127.0.0.1", 0, host, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}{PREFIX}{request.param}"
    with openai_at(base, MASTER_KEY) as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()
    gateway.extensions["managed_files"].close()


def test_an_upload_reaches_both_providers(client: OpenAI, providers: Providers) -> None:
    upload(client)
    assert providers.stored() == {name: [files.pdf().sha256] for name in ("openai", "vertex_ai")}


@pytest.mark.parametrize("model", [GPT, GEMINI])
@pytest.mark.parametrize("call", [ask, stream_text])
def test_a_model_reads_the_file(client: OpenAI, call: Callable[..., Any], model: str) -> None:
    file = upload(client)
    assert files.pdf().sha256 in call(client, model, file.id)


def test_pages_follow_each_other(client: OpenAI) -> None:
    ids = [upload(client, target_model_names=GEMINI).id for _ in range(3)]
    assert [file.id for file in client.files.list(limit=1)] == ids[::-1]


def test_content_comes_back_byte_for_byte(client: OpenAI) -> None:
    file = upload(client)
    assert client.files.content(file.id).read() == files.pdf().data


def test_after_a_delete_it_is_not_found(client: OpenAI) -> None:
    file = upload(client)
    client.files.delete(file.id)
    with pytest.raises(NotFoundError):
        client.files.retrieve(file.id)
