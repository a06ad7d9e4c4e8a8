"""The JSON shapes that Gemini's methods take, checked as Google's parser does. Wire facts: aiplatform v1."""

import base64
import binascii
import re
from typing import Any

from managed_files.sandbox.google_errors import invalid

# Field name → type: a scalar, "Message", "Message[]", or "any". `map` is any object.
_MESSAGES: dict[str, dict[str, str]] = {
    "CreateFileRequest": {"file": "File"},
    "File": {"name": "string", "displayName": "string", "mimeType": "string", "sizeBytes": "any"},
    "BatchPredictionJob": {
        "displayName": "string",
        "model": "string",
        "inputConfig": "PredictionInput",
        "outputConfig": "PredictionOutput",
        "labels": "map",
    },
    "PredictionInput": {"instancesFormat": "string", "gcsSource": "GcsSource"},
    "GcsSource": {"uris": "string[]"},
    "PredictionOutput": {"predictionsFormat": "string", "gcsDestination": "GcsDestination"},
    "GcsDestination": {"outputUriPrefix": "string"},
    "BatchGenerateContentRequest": {"batch": "GenerateContentBatch"},
    "GenerateContentBatch": {
        "displayName": "string",
        "model": "string",
        "inputConfig": "BatchInput",
        "priority": "any",
    },
    "BatchInput": {"fileName": "string", "requests": "InlinedRequests"},
    "InlinedRequests": {"requests": "InlinedRequest[]"},
    "InlinedRequest": {"request": "map", "metadata": "map"},
    "Request": {
        "contents": "Content[]",
        "systemInstruction": "Content",
        "tools": "Tool[]",
        "toolConfig": "ToolConfig",
        "generationConfig": "GenerationConfig",
        "safetySettings": "SafetySetting[]",
        "labels": "map",
        "cachedContent": "string",
        "modelArmorConfig": "map",
        "continuationToken": "string",
        "serviceTier": "UNSPECIFIED|FLEX|STANDARD|PRIORITY",
    },
    "Content": {"role": "string", "parts": "Part[]"},
    "Part": {
        "text": "string",
        "inlineData": "Blob",
        "fileData": "FileData",
        "functionCall": "FunctionCall",
        "functionResponse": "FunctionResponse",
        "executableCode": "map",
        "codeExecutionResult": "map",
        "thought": "bool",
        "thoughtSignature": "bytes",
        "videoMetadata": "map",
        "mediaResolution": "PartMediaResolution",
    },
    "PartMediaResolution": {
        "level": "MEDIA_RESOLUTION_UNSPECIFIED|MEDIA_RESOLUTION_LOW|MEDIA_RESOLUTION_MEDIUM|MEDIA_RESOLUTION_HIGH"
        "|MEDIA_RESOLUTION_ULTRA_HIGH",
        "numTokens": "int",
    },
    "Blob": {"mimeType": "string", "data": "bytes", "displayName": "string"},
    "FileData": {"mimeType": "string", "fileUri": "string", "displayName": "string"},
    "FunctionCall": {"id": "string", "name": "string", "args": "map"},
    "FunctionResponse": {
        "id": "string",
        "name": "string",
        "response": "map",
        "parts": "FunctionResponsePart[]",
        "scheduling": "string",
        "willContinue": "bool",
    },
    "FunctionResponsePart": {
        "inlineData": "Blob",
        "fileData": "FileData",
        "mediaResolution": "PartMediaResolution",
        "videoMetadata": "map",
    },
    "Tool": {
        "functionDeclarations": "FunctionDeclaration[]",
        "googleSearch": "map",
        "googleSearchRetrieval": "map",
        "googleMaps": "map",
        "enterpriseWebSearch": "map",
        "codeExecution": "map",
        "urlContext": "map",
        "retrieval": "map",
        "computerUse": "map",
    },
    "FunctionDeclaration": {
        "name": "string",
        "description": "string",
        "parameters": "Schema",
        "parametersJsonSchema": "any",
        "response": "Schema",
        "responseJsonSchema": "any",
    },
    "ToolConfig": {"functionCallingConfig": "FunctionCallingConfig", "retrievalConfig": "map"},
    "FunctionCallingConfig": {
        "mode": "MODE_UNSPECIFIED|AUTO|ANY|NONE|VALIDATED",
        "allowedFunctionNames": "string[]",
        "streamFunctionCallArguments": "bool",
    },
    "GenerationConfig": {
        "temperature": "float",
        "topP": "float",
        "topK": "float",
        "candidateCount": "int32",
        "maxOutputTokens": "int32",
        "stopSequences": "string[]",
        "responseLogprobs": "bool",
        "logprobs": "int32",
        "presencePenalty": "float",
        "frequencyPenalty": "float",
        "seed": "int32",
        "responseMimeType": "string",
        "responseSchema": "Schema",
        "responseJsonSchema": "any",
        "responseFormat": "any",
        "routingConfig": "map",
        "audioTimestamp": "bool",
        "responseModalities": "string[]",
        "mediaResolution": "string",
        "speechConfig": "map",
        "thinkingConfig": "ThinkingConfig",
        "imageConfig": "map",
        "enableAffectiveDialog": "bool",
    },
    "ThinkingConfig": {
        "includeThoughts": "bool",
        "thinkingBudget": "int32",
        "thinkingLevel": "THINKING_LEVEL_UNSPECIFIED|MINIMAL|LOW|MEDIUM|HIGH|XHIGH",
    },
    "SafetySetting": {"category": "string", "threshold": "string", "method": "string"},
    "Schema": {
        "type": "TYPE_UNSPECIFIED|STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL",
        "format": "string",
        "title": "string",
        "description": "string",
        "nullable": "bool",
        "default": "any",
        "items": "Schema",
        "minItems": "int",
        "maxItems": "int",
        "enum": "string[]",
        "properties": "Schema{}",
        "propertyOrdering": "string[]",
        "required": "string[]",
        "minProperties": "int",
        "maxProperties": "int",
        "minimum": "float",
        "maximum": "float",
        "minLength": "int",
        "maxLength": "int",
        "pattern": "string",
        "example": "any",
        "anyOf": "Schema[]",
        "additionalProperties": "any",
        "ref": "string",
        "defs": "Schema{}",
    },
}


def parse_request(body: Any, kind: str = "Request") -> dict[str, Any]:
    """The request in camelCase. Unknown names and wrong types raise a 400 that tells the place in snake_case."""
    if not isinstance(body, dict):
        raise invalid('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    return _message(kind, body, "")


def _message(kind: str, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(kind, value, where)
    fields = _MESSAGES[kind]
    parsed: dict[str, Any] = {}
    for key, content in value.items():
        name = _camel(key)
        if name not in fields:
            raise _unknown(key, where)
        if content is not None:
            parsed[name] = _value(fields[name], content, _join(where, name))
    return parsed


def _value(kind: str, value: Any, where: str) -> Any:
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise _wrong(kind, value, where)
        return [_value(kind[:-2], item, f"{where}[{index}]") for index, item in enumerate(value)]
    if kind.endswith("{}"):
        if not isinstance(value, dict):
            raise _wrong(kind, value, where)
        return {name: _value(kind[:-2], item, f"{where}[{name}]") for name, item in value.items()}
    if kind in _MESSAGES:
        return _message(kind, value, where)
    if not _fits(kind, value):
        raise _wrong(kind, value, where)
    return value


def _fits(kind: str, value: Any) -> bool:
    if "|" in kind:
        return isinstance(value, str) and value.upper() in kind.split("|")
    if kind == "int32":
        return _fits("int", value) and -(1 << 31) <= value < 1 << 31
    if kind == "bytes":
        return isinstance(value, str) and decoded(value) is not None
    types: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "map": (dict,),
    }
    if kind not in types:
        return True
    return isinstance(value, types[kind]) and (kind == "bool" or not isinstance(value, bool))


def decoded(text: str) -> bytes | None:
    """Base64 of either alphabet, padded or not, as proto JSON takes it; None when it is none."""
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)


def _join(where: str, name: str) -> str:
    snake = re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)
    return f"{where}.{snake}" if where else snake


def _unknown(name: str, where: str) -> Exception:
    place = f" at '{where}'" if where else ""
    return _violation(where, f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def _wrong(kind: str, value: Any, where: str) -> Exception:
    if kind == "bytes":
        return _violation(where, f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed for the value")
    return _violation(where, f"Invalid value at '{where}' (TYPE_{kind.upper()}), {value!r:.60}")


def _violation(where: str, message: str) -> Exception:
    detail = {"field": where, "description": message}
    return invalid(message, [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [detail]}])
