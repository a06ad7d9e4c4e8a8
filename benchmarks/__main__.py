"""`python -m benchmarks [name…]`: runs the benchmarks named, or all, and prints one table. Takes about ten minutes."""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.batches import batches
from benchmarks.chat import chat
from benchmarks.life import life
from benchmarks.listing import listing
from benchmarks.report import Figure, table
from benchmarks.streams import streams
from benchmarks.uploads import memory, wall_time

Benchmark = Callable[[], list[Figure]]
BENCHMARKS: Mapping[str, Benchmark] = {
    "memory": memory,
    "wall_time": wall_time,
    "chat": chat,
    "streams": streams,
    "listing": listing,
    "life": life,
    "batches": batches,
}


def main() -> None:
    """The exit status is 0 whatever the figures are: they are for reading."""
    arguments = _arguments()
    chosen: dict[str, Benchmark] = {**BENCHMARKS, "memory": partial(memory, arguments.mib)}
    figures: list[Figure] = []
    for name in arguments.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += chosen[name]()
    print(table(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--mib", type=int, default=1024, help="size of the file that memory is measured with")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    main()
