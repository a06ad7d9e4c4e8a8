"""OpenAI's objects as the gateway answers them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from managed_files.batch_records import Batch
from managed_files.records import Copy, CopyState, File
from managed_files.services.batches.ending import FINAL, shown

ModelNames = Callable[[Copy], list[str]]
_EXPIRED = "The provider keeps files no longer than until expires_at. Upload the file again."


def file_object(file: File, model_names: ModelNames, now: float) -> dict[str, Any]:
    """OpenAI's File, and `copies` beside it. `expires_at` is left out when there is none. `now` in Unix seconds."""
    copies = [_at(now, copy) for copy in file.copies]
    shape: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": status(copies),
        "copies": [_copy(copy, model_names) for copy in copies],
    }
    return shape if file.expires_at is None else shape | {"expires_at": file.expires_at}


def status(copies: Sequence[Copy]) -> str:
    """`processed` as soon as one copy can be used, `uploaded` while one may still become so, else `error`.

    A file of a batch has no copies that a caller could use, and is ready as soon as it is there.
    """
    if not copies:
        return "processed"
    states = {copy.state for copy in copies}
    if CopyState.READY in states:
        return "processed"
    return "uploaded" if CopyState.PROCESSING in states else "error"


def page(items: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """A list answer; both SDKs need `has_more` to know when to stop."""
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def model(name: str, created: int) -> dict[str, Any]:
    """OpenAI's Model. `created`: Unix seconds since when this gateway serves it."""
    return {"id": name, "object": "model", "created": created, "owned_by": "managed-files"}


def _at(now: float, copy: Copy) -> Copy:
    """A copy that its provider has let expire is of no use any more, though its row may say that it is ready."""
    over = copy.state is CopyState.READY and copy.expires_at is not None and copy.expires_at <= now
    return replace(copy, state=CopyState.FAILED, error=_EXPIRED) if over else copy


def _copy(copy: Copy, model_names: ModelNames) -> dict[str, Any]:
    return {
        "model_names": model_names(copy),
        "provider": copy.provider,
        "state": copy.state,
        "expires_at": copy.expires_at,
        "error": copy.error,
    }


def batch_object(batch: Batch) -> dict[str, Any]:
    """OpenAI's Batch, and `parts` beside it: what each provider does of it. What is not known yet is left out."""
    status = shown(batch)
    ended = {f"{name}_at": batch.ended_at if status == name else None for name in FINAL}
    errors = [{"code": "part_failed", "message": part["error"], "param": None, "line": None} for part in _failed(batch)]
    shape = {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.target,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.input_file_id,
        "completion_window": batch.completion_window,
        "status": status,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": batch.created_at,
        "in_progress_at": batch.in_progress_at,
        "expires_at": batch.expires_at,
        "finalizing_at": batch.finalizing_at if status in ("finalizing", *FINAL) else None,  # no part runs any more
        "cancelling_at": batch.cancelling_at,
        **ended,
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "usage": _usage(batch) if batch.ended_at else None,
        "parts": [{name: part[name] for name in _PART} for part in batch.parts],
    }
    return {name: value for name, value in shape.items() if value is not None} | {"metadata": batch.metadata}


_PART = ("model_group", "provider", "state", "lines", "completed", "failed", "error")


def _failed(batch: Batch) -> list[Mapping[str, Any]]:
    return [part for part in batch.parts if part["state"] == "failed" and part["error"]]


def _usage(batch: Batch) -> dict[str, Any]:
    """Tokens over all parts."""

    def total(name: str) -> int:
        return sum(int(usage.get(name, 0)) for usage in batch.usage)

    return {
        "input_tokens": total("input_tokens"),
        "input_tokens_details": {"cached_tokens": total("cached_tokens")},
        "output_tokens": total("output_tokens"),
        "output_tokens_details": {"reasoning_tokens": total("reasoning_tokens")},
        "total_tokens": total("total_tokens"),
    }
