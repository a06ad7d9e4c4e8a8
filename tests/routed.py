"""Gateways whose model groups have several deployments, before stand-ins that can be stopped one by one."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from managed_files.providers.registry import CATALOG
from managed_files.sandbox import Fault, GeminiSandbox, OpenAISandbox
from managed_files.sandbox.gemini import DEFAULT_KEY as GEMINI_KEY
from managed_files.sandbox.openai import DEFAULT_KEY
from managed_files.settings import parse
from tests.gateway import MASTER_KEY, NEVER, TEXT, Bench, StandIns

PAIR, LEFT, RIGHT, STUDIO = "pair", "left", "right", "studio"
LEFT_MODEL, RIGHT_MODEL, STUDIO_MODEL = "openai/gpt-4o", "openai/gpt-4o-mini", "gemini/gemini-2.0-flash"
CHAT = "/v1/chat"
Entry = dict[str, Any]
FIRST, LAST = {"weight": 1e9}, {"weight": 1e-9}
STORY = {"type": "text", "text": "Tell me a long story. " * 20}
Start = Callable[..., Bench]


@dataclass(frozen=True)
class Trio:
    """Two servers with OpenAI's API, which are two accounts, and one with Gemini's."""

    left: OpenAISandbox
    right: OpenAISandbox
    studio: GeminiSandbox

    def pair(self, left: Entry | None = None, right: Entry | None = None) -> list[Entry]:
        """One group of both servers, and each server as a group of its own. Arguments: more keys of the pair's."""
        return [
            entry(PAIR, LEFT_MODEL, self.left, **(left or {})),
            entry(PAIR, RIGHT_MODEL, self.right, **(right or {})),
            *self.apart(),
        ]

    def apart(self) -> list[Entry]:
        """Three groups of one deployment each."""
        return [
            entry(LEFT, LEFT_MODEL, self.left),
            entry(RIGHT, RIGHT_MODEL, self.right),
            {
                "model_name": STUDIO,
                "litellm_params": {"model": STUDIO_MODEL, "api_base": self.studio.url, "api_key": GEMINI_KEY},
            },
        ]

    def calls(self) -> list[int]:
        """How many chats each of the two has received."""
        return [chats(self.left), chats(self.right)]


def entry(group: str, model: str, server: OpenAISandbox, **params: Any) -> Entry:
    """A `model_list` entry."""
    at = {"model": model, "api_base": f"{server.url}/v1", "api_key": DEFAULT_KEY}
    return {"model_name": group, "litellm_params": at | params}


def chats(server: OpenAISandbox) -> int:
    return sum(request.path.startswith(CHAT) for request in server.requests)


def told_to_fail(*servers: OpenAISandbox, **fault: Any) -> None:
    """Every chat of these servers goes wrong from now on: a 503, unless told otherwise."""
    for server in servers:
        server.inject(Fault(path=CHAT, **{"times": None, "status": 503} | fault))


@pytest.fixture
def trio() -> Iterator[Trio]:
    """Three stand-ins of this test's own."""
    with OpenAISandbox() as left, OpenAISandbox() as right, GeminiSandbox() as studio:
        yield Trio(left, right, studio)


@pytest.fixture
def start(url: str, stand_ins: StandIns) -> Iterator[Start]:
    """Starts gateways with entries and `router_settings`, without retries unless told otherwise."""
    with ExitStack() as stack:

        def begin(entries: list[Entry], **router: Any) -> Bench:
            raw = {
                "model_list": entries,
                "general_settings": {"master_key": MASTER_KEY, "database_url": url, "reconcile_interval": NEVER},
                "router_settings": {"num_retries": 0} | router,
            }
            return stack.enter_context(closing(Bench(parse(raw, CATALOG, {}), stand_ins)))

        yield begin


def by(answer: TestResponse) -> tuple[int, str | None, str | None]:
    """Status, who answered, and at which attempt."""
    headers = answer.headers
    return answer.status_code, headers.get("x-managed-files-deployment"), headers.get("x-managed-files-attempts")


def message(answer: TestResponse) -> str:
    """The error's words."""
    return str((answer.get_json(silent=True) or {})["error"]["message"])


def who_answers(bench: Bench, *parts: Any, times: int = 20) -> Counter[str | None]:
    """The deployments of the pair that answered, and how often."""
    return Counter(by(bench.chat(PAIR, *parts))[1] for _ in range(times))


def words_of(stream: str) -> tuple[str, str]:
    """The text of a stream, and its last event."""
    *events, last = [event.removeprefix("data: ") for event in stream.strip().split("\n\n")]
    chunks = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in chunks), last


def held_stream(bench: Bench, model: str) -> TestResponse:
    """A streamed answer that has begun and is not read. Close it."""
    body = {"model": model, "messages": [{"role": "user", "content": [TEXT]}], "stream": True}
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    return bench.app.test_client().post("/chat/completions", json=body, headers=headers, buffered=False)
