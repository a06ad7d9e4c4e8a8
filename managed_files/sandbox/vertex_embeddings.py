"""Vertex AI's `predict` of text embedding models. Wire facts: Google's guide to text embeddings. Knows no state."""

from managed_files.sandbox.answers import Json, tokens
from managed_files.sandbox.google_errors import invalid
from managed_files.sandbox.openai_embeddings import vector
from managed_files.sandbox.vertex import Models
from managed_files.sandbox.wire import Reply, Request, json_reply

_MODELS = {"text-embedding-005": (768, 5), "gemini-embedding-001": (3072, 1)}  # numbers in a vector, texts in a call
_INSTANCE = {"content", "task_type", "title"}
_PARAMETERS = {"outputDimensionality", "autoTruncate"}


def predict(request: Request, models: Models) -> Reply:
    """The answer to `POST …/{model}:predict`. Raises Google's errors."""
    project, location, model = (request.args[name] for name in ("project", "location", "model"))
    if model not in _MODELS:
        models.check(project, location, model)
        raise invalid("Gemini cannot be accessed through Vertex Predict/RawPredict API.")
    models.check_project(project, location, model)
    size, most = _MODELS[model]
    texts, size = _checked(request, most, size)
    return json_reply({"predictions": [_prediction(text, size) for text in texts]})


def _checked(request: Request, most: int, size: int) -> tuple[list[str], int]:
    """The texts, and how many numbers a vector is to have."""
    try:
        body = request.body.json()
        instances, parameters = body["instances"], body.get("parameters") or {}
        texts = [instance["content"] for instance in instances]
        extra = [*set().union(*instances) - _INSTANCE, *parameters.keys() - _PARAMETERS]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise invalid("Invalid JSON payload received, or instances without content.") from error
    if not texts or len(texts) > most:
        raise invalid(f"{len(texts)} instance(s) were given in the prediction request; from 1 to {most} are allowed.")
    if extra or not all(isinstance(text, str) and text for text in texts):
        raise invalid(f"Unable to submit request because of its content, or of unknown fields: {', '.join(extra)}.")
    wanted = parameters.get("outputDimensionality", size)
    if not isinstance(wanted, int) or not 1 <= wanted <= size:
        raise invalid(f"The parameter outputDimensionality must be between 1 and {size}.")
    return texts, wanted


def _prediction(text: str, size: int) -> Json:
    statistics = {"truncated": False, "token_count": float(len(tokens(text)))}
    return {"embeddings": {"statistics": statistics, "values": vector(text, size)}}
