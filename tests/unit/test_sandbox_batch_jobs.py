"""When a stand-in's batch jobs run, and how they are steered."""

import threading

import pytest

from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering


class Job:
    """Notes what is asked of it."""

    def __init__(self, goes_on: bool = True):
        self.goes_on = goes_on
        self.said: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def begin(self) -> bool:
        self.gate.wait(10)
        self.said.append("begin")
        return self.goes_on

    def run(self) -> None:
        self.said.append("run")

    def expire(self) -> None:
        self.said.append("expire")

    def fail(self, message: str) -> None:
        self.said.append(message)


class Desk(BatchSteering):
    def __init__(self) -> None:
        self.batch_jobs = BatchJobs()


def held(desk: Desk, job: Job) -> Job:
    desk.hold_batches()
    desk.batch_jobs.submit(job)
    desk.settle_batches()
    return job


def test_a_job_runs_by_itself() -> None:
    desk, job = Desk(), Job()

    desk.batch_jobs.submit(job)
    desk.settle_batches()

    assert job.said == ["begin", "run"]


def test_a_job_that_does_not_pass_is_not_run() -> None:
    desk, job = Desk(), Job(goes_on=False)

    desk.batch_jobs.submit(job)
    desk.settle_batches()

    assert job.said == ["begin"]


@pytest.mark.parametrize("act", ["release", "expire", "fail"])
def test_a_held_job_ends_as_told(act: str) -> None:
    desk = Desk()
    job = held(desk, Job())

    acts = {"release": desk.release_batches, "expire": desk.expire_batches, "fail": lambda: desk.fail_batches("fail")}
    acts[act]()
    desk.settle_batches()

    assert job.said == ["begin", {"release": "run"}.get(act, act)]


def test_an_order_finds_a_job_that_is_about_to_be_held() -> None:
    desk, job = Desk(), Job()
    job.gate.clear()
    desk.hold_batches()
    desk.batch_jobs.submit(job)

    desk.expire_batches()
    job.gate.set()
    desk.settle_batches()

    assert job.said == ["begin", "expire"]


def test_after_the_release_jobs_are_held_no_more() -> None:
    desk, later = Desk(), Job()
    held(desk, Job())

    desk.release_batches()
    desk.batch_jobs.submit(later)
    desk.settle_batches()

    assert later.said == ["begin", "run"]


def test_a_cancelled_job_comes_to_its_end_though_it_was_held_only_later() -> None:
    desk, job = Desk(), Job()
    job.gate.clear()
    desk.hold_batches()
    desk.batch_jobs.submit(job)

    desk.batch_jobs.hurry(job)
    job.gate.set()
    desk.settle_batches()

    assert job.said == ["begin", "run"]


def test_a_cleared_desk_forgets_what_it_held() -> None:
    desk = Desk()
    job = held(desk, Job())

    desk.batch_jobs.clear()
    desk.release_batches()
    desk.settle_batches()

    assert job.said == ["begin"]
