"""Gateways whose model groups have several deployments, before stand-ins that can be stopped one by one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from managed_files.providers.registry import CATALOG
from managed_files.sandbox import Fault, GeminiSandbox, OpenAISandbox
from managed_files.sandbox.gemini import DEFAULT_KEY as GEMINI_KEY
from managed_files.sandbox.openai import DEFAULT_KEY
from managed_files.settings import parse
from tests.e2e.gateway import wait_until as wait_until
from tests.gateway import MASTER_KEY, NEVER, TEXT, Bench, StandIns

PAIR, LEFT, RIGHT, STUDIO = "pair", "left", "right", "studio"
LEFT_MODEL, RIGHT_MODEL, STUDIO_MODEL = "openai/gpt-4o", "openai/gpt-4o-mini", "gemini/gemini-2.0-flash"
CHAT = "/v1/chat"
Entry = dict[str, Any]
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


@contextmanager
def running_trio() -> Iterator[Trio]:
    with OpenAISandbox() as left, OpenAISandbox() as right, GeminiSandbox() as studio:
        yield Trio(left, right, studio)


def gateway(url: str, stand_ins: StandIns, entries: list[Entry], **router: Any) -> Bench:
    """One gateway with these entries and `router_settings`."""
    raw = {
        "model_list": entries,
        "general_settings": {"master_key": MASTER_KEY, "database_url": url, "reconcile_interval": NEVER},
        "router_settings": router,
    }
    return Bench(parse(raw, CATALOG, {}), stand_ins)


def by(answer: TestResponse) -> tuple[int, str | None, str | None]:
    """Status, who answered, and at which attempt."""
    headers = answer.headers
    return answer.status_code, headers.get("x-managed-files-deployment"), headers.get("x-managed-files-attempts")


def message(answer: TestResponse) -> str:
    """The error's words."""
    return str((answer.get_json(silent=True) or {})["error"]["message"])


def held_stream(bench: Bench, model: str) -> TestResponse:
    """A streamed answer that has begun and is not read. Close it."""
    body = {"model": model, "messages": [{"role": "user", "content": [TEXT]}], "stream": True}
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    return bench.app.test_client().post("/chat/completions", json=body, headers=headers, buffered=False)
