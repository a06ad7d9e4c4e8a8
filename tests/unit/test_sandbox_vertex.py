"""Vertex AI's stand-in, driven by google-genai where it can say it, otherwise by plain HTTP."""

import base64
import json
from collections.abc import Iterator

import pytest
import requests
from google import genai
from google.genai import errors, types
from google.oauth2 import service_account

from managed_files.sandbox import Fault, GoogleSandbox
from managed_files.sandbox.gemini_contents import signature

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PDF = b"%PDF-1.4 a paper"
URI = "gs://sandbox-bucket/files/paper.pdf"
MODEL = "gemini-2.0-flash"
HELLO = [{"role": "user", "parts": [{"text": "hello"}]}]
WEATHER = {
    "name": "get_weather",
    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = {"functionCall": {"name": "get_weather", "args": {}}}
RESULT = {"functionResponse": {"name": "get_weather", "response": {"output": "sunny"}}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[GoogleSandbox]:
    with GoogleSandbox() as server:
        path = "/upload/storage/v1/b/sandbox-bucket/o?uploadType=media&name=files%2Fpaper.pdf"
        requests.post(server.url + path, data=PDF, headers=bearer(server), timeout=10).raise_for_status()
        yield server


@pytest.fixture(scope="module")
def client(sandbox: GoogleSandbox) -> Iterator[genai.Client]:
    credentials = service_account.Credentials.from_service_account_info(sandbox.service_account_info(), scopes=[SCOPE])
    options = types.HttpOptions(base_url=sandbox.url)
    made = genai.Client(
        vertexai=True, project=sandbox.project, location="us-central1", credentials=credentials, http_options=options
    )
    yield made
    made.close()


def bearer(server: GoogleSandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.tokens.issue()}"}


def post(server: GoogleSandbox, body, model: str = MODEL, method: str = "generateContent", project: str = ""):
    project = project or server.project
    path = f"/v1/projects/{project}/locations/us-central1/publishers/google/models/{model}:{method}"
    return requests.post(server.url + path, json=body, headers=bearer(server), timeout=10)


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["status"], error["message"]


def document(uri: str = URI, mime_type: str | None = "application/pdf") -> list:
    file = {"fileUri": uri, **({"mimeType": mime_type} if mime_type else {})}
    return [{"role": "user", "parts": [{"fileData": file}, {"text": "What is it?"}]}]


# What official clients see


def question() -> list:
    return [types.Part.from_uri(file_uri=URI, mime_type="application/pdf"), "What is it?"]


def test_answer_proves_that_the_file_arrived(sandbox, client):
    digest = sandbox.objects[URI].sha256
    assert client.models.generate_content(model=MODEL, contents=question()).text == (
        f"paper.pdf: application/pdf, 16 bytes, sha256 {digest}; it begins: %PDF-1.4 a paper\nYou said: What is it?"
    )


def test_stream_says_the_same(client):
    whole = client.models.generate_content(model=MODEL, contents=question())
    pieces = list(client.models.generate_content_stream(model=MODEL, contents=question()))
    assert ("".join(piece.text or "" for piece in pieces), pieces[-1].usage_metadata) == (
        whole.text,
        whole.usage_metadata,
    )


def test_call_and_answer_with_signature(client):
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="f", description="d")])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
    )
    ask = types.Content(role="user", parts=[types.Part(text="Go")])
    first = client.models.generate_content(model="gemini-3-pro", contents=[ask], config=config)
    called = first.candidates[0].content
    result = types.Content(role="user", parts=[types.Part.from_function_response(name="f", response={"output": "ok"})])
    second = client.models.generate_content(model="gemini-3-pro", contents=[ask, called, result])
    assert second.text == "The tool answered: {'output': 'ok'}\nYou said: Go"


def test_schema(client):
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_schema={"type": "OBJECT", "properties": {"count": {"type": "INTEGER", "minimum": 3}}},
    )
    answer = client.models.generate_content(model=MODEL, contents="Count", config=config)
    assert json.loads(answer.text) == {"count": 3}


def test_thoughts_are_shown_on_request(client):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    answer = client.models.generate_content(model="gemini-2.5-pro", contents="Think", config=config)
    parts = answer.candidates[0].content.parts
    assert ([part.thought for part in parts], answer.usage_metadata.thoughts_token_count) == ([True, None], 8)


def test_limit_inside_of_the_thoughts_leaves_no_parts(sandbox):
    body = {"contents": HELLO, "generationConfig": {"maxOutputTokens": 5}}
    candidate = post(sandbox, body, "gemini-2.5-flash").json()["candidates"][0]
    assert candidate == {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}


def test_blocked_prompt(client):
    answer = client.models.generate_content(model=MODEL, contents="BLOCK_ME please")
    assert (answer.candidates, answer.prompt_feedback.block_reason) == (None, types.BlockedReason.PROHIBITED_CONTENT)


def test_throttled(sandbox, client):
    sandbox.inject(Fault(path=".*:generateContent", status=429))
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="x")
    assert (caught.value.status, caught.value.details["error"]["details"][0]["retryDelay"]) == (
        "RESOURCE_EXHAUSTED",
        "1s",
    )


# Framing


def test_events_end_with_crlf(sandbox):
    answer = post(sandbox, {"contents": HELLO}, method="streamGenerateContent?alt=sse")
    events = answer.content.split(b"\r\n\r\n")
    assert ([event[:7] for event in events], b"\n" in b"".join(events)) == ([b"data: {"] * 4 + [b""], False)


def test_array_without_sse(sandbox):
    answer = post(sandbox, {"contents": HELLO}, method="streamGenerateContent").json()
    texts = [piece["candidates"][0].get("content", {"parts": [{"text": ""}]})["parts"][0]["text"] for piece in answer]
    assert "".join(texts) == "You said: hello"


def test_error_comes_in_an_array_without_sse(sandbox):
    answer = post(sandbox, {"contents": []}, method="streamGenerateContent")
    assert (answer.status_code, answer.json()[0]["error"]["status"]) == (400, "INVALID_ARGUMENT")


# What is refused


def showing(file):
    """The result of a call, with a file beside it."""
    response = {**RESULT["functionResponse"], "parts": [{"fileData": file}]}
    return {"role": "user", "parts": [{"functionResponse": response}]}


def json_schema(schema):
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def node(**more):
    """A list's node; its `next` may be null."""
    following = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    return {"type": "object", "properties": {"next": following}, **more}


SCHEMAS = [
    ({"properties": {"a": {"$ref": "#/$defs/a", "description": "d"}}, "$defs": {"a": {}}}, "can set nothing else"),
    ({"properties": 5}, "is not a JSON Schema"),
    ({"items": {"$ref": "#/definitions/a"}}, "reference to undefined schema: #/definitions/a"),
    (node(required=["next"]), "a cyclic reference is only allowed in a property that is not required"),
]
REFUSED = [
    ({"contents": []}, "at least one contents field is required"),
    ({"contents": HELLO, "shoe": 1}, 'Unknown name "shoe": Cannot find field.'),
    ({"contents": [{"parts": [{"txt": "x"}]}]}, "Unknown name \"txt\" at 'contents[0].parts[0]': Cannot find field."),
    ({"contents": HELLO, "generationConfig": {"topP": "x"}}, "Invalid value at 'generation_config.top_p' (TYPE_FLOAT)"),
    ({"contents": HELLO, "generationConfig": {"seed": 1 << 31}}, "'generation_config.seed' (TYPE_INT32)"),
    ({"contents": HELLO, "generationConfig": {"temperature": 3}}, "temperature value of 3"),
    ({"contents": HELLO, "generationConfig": {"stopSequences": list("abcdef")}}, "more than 5 stopSequences"),
    ({"contents": HELLO, "generationConfig": {"logprobs": 2}}, "response_logprobs is not true"),
    ({"contents": HELLO, "generationConfig": {"responseJsonSchema": {}}}, "needs response_mime_type"),
    ({"contents": HELLO, "generationConfig": {"thinkingConfig": {}}}, "thinking is not supported"),
    ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
    ({"contents": [{"role": "user", "parts": []}]}, "at least one parts field"),
    ({"contents": [{"role": "user", "parts": [{"text": "x", "inlineData": {}}]}]}, "one initialized field"),
    ({"contents": [{"role": "user", "parts": [{"text": ""}]}]}, "has an empty text parameter"),
    ({"contents": HELLO, "systemInstruction": {"parts": [{"text": ""}]}}, "has an empty text parameter"),
    ({"contents": document(mime_type=None)}, "must have a mimeType parameter"),
    ({"contents": document(mime_type="application/zip")}, "mimeType parameter with value application/zip"),
    ({"contents": document("file-123")}, "Unsupported file URI type: file-123"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "%"}}]}]}, "Base64 decoding failed"),
    ({"contents": [*HELLO, {"role": "model", "parts": [CALL]}, *HELLO]}, "number of function response parts"),
    ({"contents": [*HELLO, {"role": "user", "parts": [RESULT]}]}, "number of function response parts"),
    ({"contents": [{"role": "model", "parts": [CALL]}, {"parts": [RESULT]}]}, "comes immediately after a user turn"),
    (
        {"contents": HELLO, "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
        "not among the function declarations",
    ),
    ({"contents": HELLO, "tools": [{"functionDeclarations": [{"name": "1 x"}]}]}, "Invalid function name"),
    ({"contents": HELLO, "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {}}]}]},
     "must describe an object"),
    ({"contents": [*HELLO, {"role": "model", "parts": [CALL]}, showing({"fileUri": URI, "mimeType": "image/png"})]},
     "`function_response.parts` is not supported for this model"),
    ({"contents": [{"parts": [{"text": "a", "mediaResolution": {"level": "BEST"}}]}]}, "media_resolution.level"),
    ({"contents": HELLO, "serviceTier": "scale"}, "Invalid value at 'service_tier'"),
    *(({"contents": HELLO, "generationConfig": json_schema(schema)}, message) for schema, message in SCHEMAS),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_bad_requests(sandbox, body, message):
    status, name, said = refusal(post(sandbox, body))
    assert (status, name, message in said or said) == (400, "INVALID_ARGUMENT", True)


def test_a_schema_may_name_itself_where_nothing_is_required(sandbox):
    assert post(sandbox, {"contents": HELLO, "generationConfig": json_schema(node())}).ok


def test_the_highest_level_of_thinking(sandbox):
    config = {"thinkingConfig": {"thinkingLevel": "XHIGH"}}
    assert post(sandbox, {"contents": HELLO, "generationConfig": config}, "gemini-3-pro").ok


def test_snake_case_is_accepted(sandbox):
    part = {"file_data": {"file_uri": URI, "mime_type": "application/pdf"}}
    assert post(sandbox, {"contents": [{"parts": [part]}], "generation_config": {"top_p": 1}}).ok


@pytest.mark.parametrize(
    ("uri", "status", "name"),
    [
        ("gs://sandbox-bucket/files/none.pdf", 404, "NOT_FOUND"),
        ("gs://no-such-bucket/paper.pdf", 404, "NOT_FOUND"),
        ("gs://somebody-elses-bucket/paper.pdf", 403, "PERMISSION_DENIED"),
    ],
)
def test_files_that_cannot_be_read(sandbox, uri, status, name):
    assert refusal(post(sandbox, {"contents": document(uri)}))[:2] == (status, name)


def test_unknown_model(sandbox):
    assert refusal(post(sandbox, {"contents": HELLO}, "gemini-0"))[:2] == (404, "NOT_FOUND")


def test_other_project(sandbox):
    assert refusal(post(sandbox, {"contents": HELLO}, project="other"))[:2] == (403, "PERMISSION_DENIED")


def test_without_token(sandbox):
    path = f"/v1/projects/{sandbox.project}/locations/l/publishers/google/models/{MODEL}:generateContent"
    answer = requests.post(sandbox.url + path, json={"contents": HELLO}, timeout=10)
    assert refusal(answer)[:2] == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("signed", "status"),
    [
        (None, 400),
        ("bm90IG91cnM=", 400),
        (signature("get_weather"), 200),
        ("skip_thought_signature_validator", 200),
        (base64.b64encode(b"skip_thought_signature_validator").decode(), 200),
    ],
)
def test_gemini_3_wants_the_signature_of_its_calls(sandbox, signed, status):
    call = {**CALL, **({"thoughtSignature": signed} if signed else {})}
    turns = [*HELLO, {"role": "model", "parts": [call]}, {"role": "user", "parts": [RESULT]}]
    assert post(sandbox, {"contents": turns}, "gemini-3-pro").status_code == status


@pytest.mark.parametrize(("mime_type", "status"), [("application/pdf", 200), ("a/b", 400)])
def test_gemini_3_reads_files_beside_a_result(sandbox, mime_type, status):
    call = {**CALL, "thoughtSignature": signature("get_weather")}
    turns = [*HELLO, {"role": "model", "parts": [call]}, showing({"fileUri": URI, "mimeType": mime_type})]
    assert post(sandbox, {"contents": turns}, "gemini-3-pro").status_code == status


def test_named_tool_is_called(sandbox):
    body = {
        "contents": HELLO,
        "tools": [{"functionDeclarations": [{"name": "other"}, WEATHER]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}},
    }
    parts = post(sandbox, body).json()["candidates"][0]["content"]["parts"]
    assert [part["functionCall"] for part in parts] == [{"name": "get_weather", "args": {"city": "hello"}}]
