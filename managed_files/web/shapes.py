"""OpenAI's objects as the gateway answers them. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from managed_files.records import Copy, CopyState, File

ModelNames = Callable[[Copy], list[str]]


def file_object(file: File, model_names: ModelNames) -> dict[str, Any]:
    """OpenAI's File, and `copies` beside it. `expires_at` is left out when there is none."""
    shape: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": status(file.copies),
        "copies": [_copy(copy, model_names) for copy in file.copies],
    }
    return shape if file.expires_at is None else shape | {"expires_at": file.expires_at}


def status(copies: Sequence[Copy]) -> str:
    """`processed` as soon as one copy can be used, `uploaded` while one may still become so, else `error`."""
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


def _copy(copy: Copy, model_names: ModelNames) -> dict[str, Any]:
    return {
        "model_names": model_names(copy),
        "provider": copy.provider,
        "state": copy.state,
        "expires_at": copy.expires_at,
        "error": copy.error,
    }
