"""What a model invocation job reads from S3, and what it writes there. Source: AWS's guide to batch inference."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from managed_files.sandbox.answers import Json
from managed_files.sandbox.s3 import S3Buckets, S3Object, etag_of
from managed_files.sandbox.store import Blob, Writer


class JobFiles:
    """The input and the output folder of a job's `spec`."""

    def __init__(self, spec: Json, buckets: S3Buckets):
        self._source = str(spec["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        target = spec["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].removeprefix("s3://")
        self._bucket, _, self._folder = target.rstrip("/").partition("/")
        self._buckets = buckets

    def writer(self) -> Writer:
        return self._buckets.shelf.writer()

    def lines(self) -> Iterator[bytes]:
        """Raises ValueError for an input that is not there."""
        stored = self._buckets.objects.get(self._source)
        if stored is None:
            raise ValueError(f"The S3 location {self._source} holds no input, or the role may not read it.")
        return stored.blob.lines()

    def count_checked(self, least: int) -> int:
        """The number of records. Raises ValueError for what fails a job as a whole."""
        count = 0
        for count, text in enumerate(self.lines(), 1):
            record = json.loads(text)
            if not isinstance(record, dict) or not isinstance(record.get("modelInput"), dict):
                raise ValueError(f"Record {count} is not a valid JSON object with a modelInput.")
        if count < least:
            raise ValueError(f"Batch job contains less records ({count}) than the required minimum of: {least}")
        if self._bucket not in self._buckets.names:
            raise ValueError(f"The role may not write to the bucket {self._bucket}.")
        return count

    def write(self, job_id: str, answers: Blob, counts: Json) -> None:
        """The answers under the input's name, and a manifest, in a folder with the job's own name."""
        self._put(job_id, f"{self._source.rpartition('/')[2]}.out", answers)
        with self.writer() as writer:
            writer.write(json.dumps(counts).encode())
            self._put(job_id, "manifest.json.out", writer.commit())

    def _put(self, job_id: str, name: str, blob: Blob) -> None:
        key = "/".join(part for part in (self._folder, job_id, name) if part)
        moment = datetime.now(UTC).timestamp()
        self._buckets.put(S3Object(self._bucket, key, "binary/octet-stream", blob, etag_of(blob), moment))
