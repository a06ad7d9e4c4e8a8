"""Batches of the Responses API: the providers' own, those that the gateway runs itself, and files in both."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from openai.types.responses import Response

from managed_files.sandbox import CompatibleSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY
from tests.batching import content, created, ended, jsonl, outcome, uploaded
from tests.gateway import AZURE, CONTENT, GEMINI, GPT, Bench, StandIns, settings_for

RESPONSES = "/v1/responses"
OWN = "own-server"
PROOF = hashlib.sha256(CONTENT).hexdigest()

Json = dict[str, Any]


@pytest.fixture
def bench(url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """The usual models, and one at a server that stores files and runs no batches."""
    with CompatibleSandbox("openai_like") as server:
        params = {"model": "openai_like/llama", "api_base": server.url + server.flavour.base, "api_key": DEFAULT_KEY}
        entries = [*stand_ins.entries(), {"model_name": OWN, "litellm_params": params}]
        with closing(Bench(settings_for(url, stand_ins, entries, batch_interval=0.05), stand_ins)) as bench:
            yield bench


def line(custom_id: str, model: str, *parts: Json, **fields: Any) -> Json:
    given = [{"role": "user", "content": [{"type": "input_text", "text": "hello"}, *parts]}]
    body = {"model": model, "input": given, **fields}
    return {"custom_id": custom_id, "method": "POST", "url": RESPONSES, "body": body}


def named(file_id: str) -> Json:
    return {"type": "input_file", "file_id": file_id}


def answered(bench: Bench, *lines: Json) -> Json:
    """The ended batch of these lines."""
    return ended(bench, created(bench, uploaded(bench, *lines), endpoint=RESPONSES)["id"])


def refusal(bench: Bench, *lines: Json) -> str:
    """What an upload of these lines is told."""
    answer = bench.upload("", data=jsonl(*lines), filename="lines.jsonl", purpose="batch")
    return f"{answer.status_code}: {answer.get_json()['error']['message']}"


def test_a_response_names_a_file_by_its_unified_id_at_every_provider_that_has_responses(bench: Bench) -> None:
    part = named(bench.stored(f"{GPT}, {AZURE}, {OWN}"))
    batch = answered(bench, *(line(model, model, part) for model in (GPT, AZURE, OWN)))
    answers = {name: item["response"]["body"] for name, item in content(bench, batch["output_file_id"]).items()}
    texts = {name: Response.model_validate(body, strict=True).output_text for name, body in answers.items()}
    assert {name: PROOF in text for name, text in texts.items()} == {GPT: True, AZURE: True, OWN: True}


def test_a_container_names_files(bench: Bench) -> None:
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [bench.stored(GPT)]}}
    batch = answered(bench, line("a", GPT, tools=[tool]))
    assert PROOF in str(content(bench, batch["output_file_id"])["a"])


def test_usage_of_responses_is_counted(bench: Bench) -> None:
    batch = answered(bench, line("a", GPT), line("b", OWN))
    bodies = [item["response"]["body"] for item in content(bench, batch["output_file_id"]).values()]
    assert batch["usage"]["total_tokens"] == sum(body["usage"]["total_tokens"] for body in bodies) > 0


def test_a_refused_response_is_in_the_error_file(bench: Bench) -> None:
    models = (GPT, AZURE, OWN)
    batch = answered(bench, *(line(model, model, temperature=9) for model in models))
    assert outcome(bench, batch) == ([], dict.fromkeys(models, 400))


def test_a_file_that_a_line_names_has_to_be_the_callers(bench: Bench) -> None:
    unknown = "file-mf-" + "0" * 32
    place = "input[0].content[1].file_id: No such File object:"
    told = refusal(bench, line("a", GPT, named(unknown)), line("b", OWN, named("file-abc")))
    assert f"line 1: {place} {unknown}; line 2: {place} file-abc." in told


def test_a_model_without_a_copy_of_the_file_is_refused(bench: Bench) -> None:
    told = refusal(bench, line("a", AZURE, named(bench.stored(GPT))))
    assert re.search(rf"line 1: .* has no copy .*{GPT}", told), told


def test_a_file_named_as_in_a_chat_is_told_where_it_belongs(bench: Bench) -> None:
    part = {"type": "file", "file": {"file_id": bench.stored(GPT)}}
    assert '{"type": "input_file", "file_id": …}' in refusal(bench, line("a", GPT, part))


def test_a_provider_without_responses_says_so(bench: Bench) -> None:
    assert f"line 1: the model {GEMINI} does not take {RESPONSES} in batches" in refusal(bench, line("a", GEMINI))


def test_a_file_that_has_gone_since_fails_the_lines_that_the_gateway_runs(bench: Bench) -> None:
    file_id = bench.stored(OWN)
    lines = uploaded(bench, line("a", OWN, named(file_id)), line("b", OWN))
    bench.call("DELETE", f"/files/{file_id}")
    batch = ended(bench, created(bench, lines, endpoint=RESPONSES)["id"])
    assert outcome(bench, batch) == (["b"], {"a": 404})
