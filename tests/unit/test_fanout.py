"""Tasks run side by side, bounded, and never throw at whoever started them."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial

import pytest

from managed_files import tracing
from managed_files.fanout import Fanout, Outcome

_CITY: ContextVar[str] = ContextVar("city", default="none")


@pytest.fixture
def fanout() -> Iterator[Fanout]:
    fanout = Fanout(max_threads=4)
    yield fanout
    fanout.close()


def test_outcomes_hold_values_and_errors(fanout: Fanout) -> None:
    failure = ValueError("no")

    def fail() -> int:
        raise failure

    good, bad = fanout.submit(lambda: 1), fanout.submit(fail)
    assert (good.result(), bad.result()) == (Outcome(value=1), Outcome(error=failure))


def test_even_an_exit_is_an_outcome(fanout: Fanout) -> None:
    error = fanout.submit(sys.exit).result().error
    assert isinstance(error, SystemExit)


def test_a_task_starts_before_anyone_waits(fanout: Fanout) -> None:
    started = threading.Event()
    fanout.submit(started.set)
    assert started.wait(30)


def test_tasks_run_side_by_side_up_to_the_bound(fanout: Fanout) -> None:
    together = threading.Barrier(4, timeout=30)
    names: set[str] = set()

    def meet() -> None:
        names.add(threading.current_thread().name)
        together.wait()

    begun = [fanout.submit(meet) for _ in range(12)]
    assert ([future.result().error for future in begun], len(names)) == ([None] * 12, 4)


def test_context_is_carried_over_and_counters_add_up(fanout: Fanout) -> None:
    trace = tracing.start("request")
    _CITY.set("Brno")

    def task() -> str:
        tracing.current().upstream_calls += 1
        return _CITY.get()

    begun = [fanout.submit(task) for _ in range(2)]
    assert ([future.result().value for future in begun], trace.upstream_calls) == (["Brno", "Brno"], 2)


def test_a_task_cannot_change_its_starters_context(fanout: Fanout) -> None:
    _CITY.set("Brno")
    fanout.submit(lambda: _CITY.set("Olomouc")).result()
    assert _CITY.get() == "Brno"


def test_no_thread_before_the_first_task() -> None:
    before = threading.active_count()
    Fanout().close()
    assert threading.active_count() == before


def test_close_waits_for_what_was_started() -> None:
    fanout = Fanout(max_threads=1)
    done: list[int] = []
    for number in range(5):
        fanout.submit(partial(done.append, number))
    fanout.close()
    assert done == [0, 1, 2, 3, 4]


def test_a_forked_child_has_threads_of_its_own() -> None:
    script = """
import os, warnings
from managed_files.fanout import Fanout
warnings.simplefilter("ignore")
fanout = Fanout(2)
fanout.submit(lambda: None).result()
child = os.fork()
if child == 0:
    os._exit(fanout.submit(lambda: 7).result(30).value)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
fanout.close()
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (finished.stdout, finished.stderr) == ("7\n", "")
