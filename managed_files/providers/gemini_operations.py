"""The long-running operation that a batch of the Gemini API is. Pure. Source: generativelanguage v1beta."""

from typing import Any

Json = dict[str, Any]


def metadata_of(operation: Json) -> Json:
    return operation.get("metadata") or {}


def output_of(operation: Json) -> Json:
    """Told twice: while the operation is known as a batch, and as its response."""
    return operation.get("response") or metadata_of(operation).get("output") or {}


def outputs_of(job_id: str, output: Json) -> tuple[str, ...]:
    """The file of responses; the job itself where they stand in it."""
    if "responsesFile" in output:
        return (str(output["responsesFile"]),)
    return (job_id,) if inlined_in(output) else ()


def inlined_in(output: Json) -> list[Json]:
    return (output.get("inlinedResponses") or {}).get("inlinedResponses") or []
