"""One model invocation job: its life, and the answers to its records. Source: AWS's guide to batch inference."""

import json
import secrets
import string
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.bedrock_job_files import JobFiles
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.s3 import S3Buckets
from managed_files.sandbox.store import Writer
from managed_files.sandbox.wire import Refused

_ENDS = ("Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")
_LETTERS = string.ascii_lowercase + string.digits

Converse = Callable[[str, Any], Json]  # model and a Converse request to its answer; raises Refused


class InvocationJob:
    """One job. `spec`: what the create call said. A record's own faults are found when its turn comes.

    `least`: records that an input has to have.
    """

    def __init__(self, spec: Json, place: str, buckets: S3Buckets, converse: Converse, least: int):
        """`place`: the ARN's beginning, with region and account."""
        self.id = "".join(secrets.choice(_LETTERS) for _ in range(12))
        self.arn = f"{place}:model-invocation-job/{self.id}"
        self.spec = spec
        self.status = "Submitted"
        self.submitted = datetime.now(UTC)
        self._files = JobFiles(spec, buckets)
        self._converse = converse
        self._least = least
        self._lock = threading.Lock()
        self._changed = self.submitted
        self._message: str | None = None
        self._counts = dict.fromkeys(("total", "processed", "success", "error"), 0)

    @property
    def name(self) -> str:
        return str(self.spec["jobName"])

    def stop(self) -> bool:
        """Whether the job can still be stopped."""
        with self._lock:
            can = self.status not in (*_ENDS, "Stopping")
            self.status = "Stopping" if can else self.status
        return can

    # Runnable

    def begin(self) -> bool:
        self._move("Validating")
        try:
            self._counts["total"] = self._files.count_checked(self._least)
        except ValueError as error:
            self.fail(str(error))
            return False
        self._move("Scheduled")
        self._move("InProgress")
        return True

    def run(self) -> None:
        self._answer(self._counts["total"])
        self._end("Completed")

    def expire(self) -> None:
        """What was answered in time is there."""
        self._answer(self._counts["total"] // 2)
        self._end("PartiallyCompleted" if self._counts["processed"] else "Expired")

    def fail(self, message: str) -> None:
        self._message = message
        self._end("Failed")

    def _move(self, status: str) -> None:
        """A wish to stop outlives what does not know of it yet."""
        with self._lock:
            if self.status != "Stopping":
                self.status, self._changed = status, datetime.now(UTC)

    def _end(self, status: str) -> None:
        with self._lock:
            self.status = "Stopped" if self.status == "Stopping" else status
            self._changed = datetime.now(UTC)

    def _answer(self, count: int) -> None:
        """Answers so many records, until it is stopped. Nothing is written where nothing was answered."""
        with self._files.writer() as writer:
            for number, text in enumerate(islice(self._files.lines(), count), 1):
                if self.status == "Stopping":
                    break
                self._answer_one(json.loads(text), number, writer)
            if writer.size:
                self._files.write(self.id, writer.commit(), self._counted())

    def _answer_one(self, record: Json, number: int, writer: Writer) -> None:
        result = {"recordId": record.get("recordId") or f"CALL{number:07}", "modelInput": record["modelInput"]}
        try:
            result["modelOutput"] = self._converse(self.spec["modelId"], record["modelInput"])
        except Refused as refused:
            body = refused.reply.body
            said = json.loads(body if isinstance(body, bytes) else b"{}")
            result["error"] = {"errorCode": refused.reply.status, "errorMessage": said.get("message")}
        self._counts["processed"] += 1
        self._counts["error" if "error" in result else "success"] += 1
        writer.write(compact(result) + b"\n")

    def _counted(self) -> Json:
        return {f"{name}RecordCount": count for name, count in self._counts.items()}

    def public(self) -> Json:
        """GetModelInvocationJobResponse, which is also the summary in a list."""
        ended = self.status in _ENDS
        hours = timedelta(hours=self.spec.get("timeoutDurationInHours", 24))
        return {
            **self.spec,
            "jobArn": self.arn,
            "status": self.status,
            "submitTime": _iso(self.submitted),
            "lastModifiedTime": _iso(self._changed),
            "jobExpirationTime": _iso(self.submitted + hours),
            **({"endTime": _iso(self._changed)} if ended else {}),
            **({"message": self._message} if self._message else {}),
            **self._counted(),
        }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
