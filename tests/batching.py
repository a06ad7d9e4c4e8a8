"""What callers do with batches, in the words of the tests: lines, files of lines, batches and their outcome."""

import json
import time
from typing import Any

from tests.gateway import GPT, MASTER_KEY, Bench

URL = "/v1/chat/completions"
FINAL = ("completed", "failed", "expired", "cancelled")

Json = dict[str, Any]


def line(custom_id: str, model: str = GPT, text: str = "hello", *parts: Any, **fields: Any) -> Json:
    """One request of a batch, with one user message."""
    content = [{"type": "text", "text": text}, *parts] if parts else text
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    return {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}


def jsonl(*lines: Json) -> bytes:
    """A file of these lines."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in lines)


def uploaded(bench: Bench, *lines: Json, targets: str = "", key: str = MASTER_KEY) -> str:
    """The id of a file of these lines."""
    return bench.stored(targets, key, data=jsonl(*lines), filename="lines.jsonl", purpose="batch")


def created(bench: Bench, file_id: str, key: str = MASTER_KEY, **fields: Any) -> Json:
    """A batch from the file."""
    body = {"input_file_id": file_id, "endpoint": URL, "completion_window": "24h", **fields}
    answer = bench.call("POST", "/batches", key, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def looked_up(bench: Bench, batch_id: str) -> Json:
    return dict(bench.call("GET", f"/batches/{batch_id}").get_json())


def ended(bench: Bench, batch_id: str) -> Json:
    """The batch once nothing changes any more; the passes of its background run here."""
    deadline = time.monotonic() + 30
    while (batch := looked_up(bench, batch_id))["status"] not in FINAL:
        assert time.monotonic() < deadline, batch
        bench.gateway.reconciler.run_once()
    return batch


def ran(bench: Bench, *lines: Json, **fields: Any) -> Json:
    """A batch of these lines, ended."""
    return ended(bench, created(bench, uploaded(bench, *lines), **fields)["id"])


def content(bench: Bench, file_id: str | None, key: str = MASTER_KEY) -> dict[str, Json]:
    """The lines of an output or error file by custom id; none for no file."""
    if file_id is None:
        return {}
    answer = bench.call("GET", f"/files/{file_id}/content", key)
    assert answer.status_code == 200, answer.text
    found = [json.loads(item) for item in answer.data.splitlines()]
    by_id = {item["custom_id"]: item for item in found}
    assert len(by_id) == len(found), "a line came twice"
    return by_id


def outcome(bench: Bench, batch: Json) -> tuple[list[str], dict[str, str]]:
    """The custom ids that were answered, and the codes or statuses of those that were not."""
    answers, errors = content(bench, batch.get("output_file_id")), content(bench, batch.get("error_file_id"))
    told = {name: (item["error"] or {}).get("code") or item["response"]["status_code"] for name, item in errors.items()}
    return sorted(answers), told


def said(item: Json) -> str:
    """The text of an answer's line."""
    return str(item["response"]["body"]["choices"][0]["message"]["content"])
