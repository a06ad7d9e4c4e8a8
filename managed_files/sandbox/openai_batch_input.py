"""What OpenAI checks in a batch's input before it runs a line. Wire facts: OpenAI's and Azure's batch guides."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from managed_files.sandbox.answers import Json
from managed_files.sandbox.openai_files import StoredFile
from managed_files.sandbox.store import Blob

_MOST_FINDINGS = 10
_UNIQUE = (
    "The custom_id for this request is a duplicate of another request. The custom_id parameter must be unique for each "
    "request in a batch."
)


def texts_of(blob: Blob) -> Iterator[bytes]:
    """The lines of a stored file, one after the other, without the blank ones."""
    rest = b""
    for piece in blob.pieces(0, blob.size):
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


@dataclass
class Check:
    """Reads an input once. `endpoint`: as the job names it; afterwards `total` lines, `model` and `findings` are known.

    `models`: those that run batches, None for any.
    """

    endpoint: str
    models: tuple[str, ...] | None
    max_lines: int
    max_bytes: int
    total: int = 0
    model: str | None = None
    findings: list[Json] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def read(self, file: StoredFile | None) -> "Check":
        if file is None:
            self._found("file_not_found", "The input file does not exist.", param="input_file_id")
        elif file.purpose != "batch":
            message = f"The input file has the purpose '{file.purpose}'; it has to be 'batch'."
            self._found("invalid_file_purpose", message, param="input_file_id")
        elif file.blob.size > self.max_bytes:
            message = f"The input file is larger than {self.max_bytes} bytes."
            self._found("file_too_large", message, param="input_file_id")
        else:
            self._lines(file.blob)
        return self

    def _lines(self, blob: Blob) -> None:
        for text in texts_of(blob):
            self.total += 1
            self._line(text)
            if len(self.findings) == _MOST_FINDINGS:
                break
        if not self.total:
            self._found("empty_file", "The input file is empty. Please ensure that it contains a request.")
        if self.total > self.max_lines:
            self._found("too_many_tasks", f"The input holds more than {self.max_lines} requests.", whole=True)

    def _line(self, text: bytes) -> None:
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            return self._found("invalid_json_line", "This line is not parseable as valid JSON.")
        for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
            if not isinstance(line.get(name), kind):
                return self._found("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
        return self._fields(line)

    def _fields(self, line: Json) -> None:
        if line["custom_id"] in self._seen:
            self._found("duplicate_custom_id", _UNIQUE, param="custom_id")
        self._seen.add(line["custom_id"])
        if line["method"] != "POST":
            self._found("invalid_method", "Invalid method: only POST is supported.", param="method")
        if line["url"] != self.endpoint:
            message = f"The URL provided for this request does not match the batch endpoint '{self.endpoint}'."
            self._found("url_mismatch", message, param="url")
        self._model(line["body"].get("model"))

    def _model(self, model: object) -> None:
        if not isinstance(model, str):
            return self._found("missing_required_parameter", "Missing required parameter: 'model'.", param="body.model")
        self.model = self.model or model
        if model != self.model:
            message = f"The provided model '{model}' does not match the batch model '{self.model}'."
            return self._found("model_mismatch", message, param="body.model")
        if self.models is not None and model not in self.models:
            message = f"The provided model '{model}' is not supported by the Batch API."
            return self._found("model_not_found", message, param="body.model")
        return None

    def _found(self, code: str, message: str, *, param: str | None = None, whole: bool = False) -> None:
        """A finding in the line that was read last, if there was one and it is not about the `whole`."""
        line = None if whole or not self.total else self.total
        self.findings.append({"code": code, "message": message, "param": param, "line": line})
