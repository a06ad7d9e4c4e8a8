"""How far something is, on standard error: a bar on a terminal, plain lines elsewhere. Knows no HTTP."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

_RESULTS = (("output", "output_file_id"), ("errors", "error_file_id"))


@contextmanager
def transfer(what: str, size: int | None, *, quiet: bool = False) -> Iterator[Callable[[int], object]]:
    """Yields what is to be told of every block of bytes. `quiet`: no bar, for the bytes go to the terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with tqdm(total=size, desc=what, unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr) as bar:
        yield bar.update


class Watching:
    """A batch's lines. Without a terminal it says a new status, or one more per cent."""

    def __init__(self) -> None:
        self._said = ""
        self._bar: tqdm[Any] | None = tqdm(unit="line", file=sys.stderr) if sys.stderr.isatty() else None

    def show(self, batch: dict[str, Any]) -> None:
        """OpenAI's batch object, as it is now."""
        counts = batch["request_counts"]
        done, total = counts["completed"] + counts["failed"], counts["total"]
        if self._bar is not None:
            self._bar.total, self._bar.n = total, done
            self._bar.set_postfix(failed=counts["failed"], refresh=False)
            self._bar.set_description(batch["status"])
            return
        self.say_once(summary(batch), f"{batch['status']} {done * 100 // max(total, 1)} %")

    def say_once(self, text: str, news: str = "") -> None:
        """A line of its own, unless the last one had the same news, which is its text if nothing else is given."""
        if (news or text) != self._said:
            self._said = news or text
            tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def explained(batch: dict[str, Any]) -> str:
    """The summary, a line for each part, and the ids of what can be fetched."""
    parts = [_part(part) for part in batch.get("parts", ())]
    found = [f"  {name} {batch[key]}" for name, key in _RESULTS if batch.get(key)]
    return "\n".join([summary(batch), *parts, *found])


def _part(part: dict[str, Any]) -> str:
    where = f"  {part['model_group']} at {part['provider']}"
    why = f" ({part['error']})" if part.get("error") else ""
    return f"{where} {part['state']}: {part['completed']} of {part['lines']} answered{why}"


def summary(batch: dict[str, Any]) -> str:
    """One line of words."""
    counts = batch["request_counts"]
    done = counts["completed"] + counts["failed"]
    return f"{batch['id']} {batch['status']}: {done} of {counts['total']} lines done, {counts['failed']} of them failed"
