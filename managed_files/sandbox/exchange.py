"""One request and its answer under a fault: slower, refused, or cut."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from managed_files.sandbox.faults import BodyCutter, ConnectionCut, Fault, Pacer
from managed_files.sandbox.journal import BodyTap, Journal, Recorded
from managed_files.sandbox.wire import Reply, Request, json_reply

_GLANCE = 0.05  # seconds between looks at whether the server stops


@dataclass(frozen=True)
class Exchange:
    """`receive_rate`: bytes a second at which the body is read, unless the fault tells another."""

    request: Request
    recorded: Recorded
    journal: Journal
    fault: Fault
    stopping: threading.Event
    receive_rate: float | None

    def prepare(self) -> BodyTap:
        """Sets what happens while the body is read. Raises ConnectionCut."""
        if self.fault.cut == "before":
            raise ConnectionCut(self.fault.cut)
        taps = self.request.body.taps
        tap = BodyTap(self.journal, self.recorded)
        taps.append(tap)
        if rate := self.fault.receive_rate or self.receive_rate:
            taps.append(Pacer(rate, self.stopping))
        if self.fault.cut == "mid_body":
            taps.append(BodyCutter(self.request.body.length))
        return tap

    def refusal(self, usual: Reply) -> Reply:
        """The fault's own answer; `usual` is the provider's envelope for its status."""
        if self.fault.read_body:
            for _ in self.request.body:
                pass
        body = self.fault.body
        if body is None:
            reply = usual
        elif isinstance(body, bytes):
            reply = Reply(usual.status, body)
        else:
            reply = json_reply(body, usual.status)
        return replace(reply, headers={**reply.headers, **self.fault.headers})

    def disturbed(self, reply: Reply) -> Reply:
        """The answer as the fault lets it through. Raises ConnectionCut."""
        fault = self.fault
        if fault.cut == "after_commit":
            raise ConnectionCut(fault.cut)
        self.stopping.wait(fault.delay)
        if not isinstance(reply.body, bytes):
            return replace(reply, body=self._slowly(reply.body))
        self._pass_gate()
        if fault.cut != "mid_stream":
            return reply
        half = iter((reply.body[: len(reply.body) // 2],))
        return Reply(reply.status, self._slowly(half), {**reply.headers, "Content-Length": str(len(reply.body))})

    def _slowly(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        fault = self.fault
        for number, piece in enumerate(pieces):
            if number == 1:
                self._pass_gate()
            if number and fault.piece_delay:
                self.stopping.wait(fault.piece_delay)
            if number == fault.pieces and fault.cut == "mid_stream":
                break
            self.recorded.sent.append((time.monotonic(), len(piece)))
            yield piece
        if fault.cut == "mid_stream":
            raise ConnectionCut(fault.cut)

    def _pass_gate(self) -> None:
        gate = self.fault.gate
        while gate is not None and not gate.wait(_GLANCE) and not self.stopping.is_set():
            pass
