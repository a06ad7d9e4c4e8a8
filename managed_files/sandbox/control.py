"""Steers a stand-in that runs in another process, over HTTP under `/__sandbox__`."""

from collections.abc import Callable
from typing import Any

from managed_files.sandbox.faults import Fault, FaultBook
from managed_files.sandbox.journal import Journal
from managed_files.sandbox.routing import Route
from managed_files.sandbox.wire import Reply, Request, json_reply

CONTROL = "/__sandbox__/"


def control_routes(
    journal: Journal, faults: FaultBook, state: Callable[[], Any], reset: Callable[[], None]
) -> list[Route]:
    """`POST faults` (fields of Fault as JSON), `GET requests`, `GET files` (or objects), `POST reset`."""

    def add_fault(request: Request) -> Reply:
        faults.add(Fault(**request.body.json()))
        return json_reply({})

    def show_requests(request: Request) -> Reply:
        return json_reply([recorded.summary() for recorded in journal])

    def show_files(request: Request) -> Reply:
        return json_reply(state())

    def start_anew(request: Request) -> Reply:
        reset()
        return json_reply({})

    return [
        Route("POST", CONTROL + "faults", add_fault),
        Route("GET", CONTROL + "requests", show_requests),
        Route("GET", CONTROL + "files", show_files),
        Route("POST", CONTROL + "reset", start_anew),
    ]
