"""The demo's models: one of every provider that has a stand-in."""

from typing import Any

Json = dict[str, Any]


def models(facts: Json) -> dict[str, Json]:
    """`litellm_params` by `model_name`; the two of the documentation come first.

    `facts`: what the sandbox says of itself, by provider.
    """
    return {
        "gpt-4o-mini-openai": {"model": "gpt-4o-mini", **_keyed(facts["openai"], "/v1")},
        "gemini-2.0-flash": _vertex(facts["google"]),
        "gpt-4o-mini-azure": {"model": "azure/gpt-4o-mini", "api_version": "v1", **_keyed(facts["azure"])},
        "gemini-2.0-flash-studio": {"model": "gemini/gemini-2.0-flash", **_keyed(facts["gemini"])},
        "claude-sonnet-4-5": {"model": "anthropic/claude-sonnet-4-5", **_keyed(facts["anthropic"])},
        "nova-lite": _bedrock(facts["bedrock"]),
        "mistral-small": {"model": "mistral/mistral-small-latest", **_keyed(facts["mistral"], "/v1")},
    }


def _keyed(server: Json, path: str = "") -> Json:
    return {"api_base": server["url"] + path, "api_key": server["api_key"]}


def _vertex(google: Json) -> Json:
    return {
        "model": "vertex_ai/gemini-2.0-flash",
        "vertex_project": google["project"],
        "vertex_location": "us-central1",
        "vertex_credentials": google["service_account"],
        "gcs_bucket_name": google["bucket"],
        "api_base": google["url"],
        "storage_endpoint": google["url"],
    }


def _bedrock(amazon: Json) -> Json:
    return {
        "model": "bedrock/us.amazon.nova-lite-v1:0",
        "aws_region_name": amazon["region"],
        "aws_access_key_id": amazon["access_key_id"],
        "aws_secret_access_key": amazon["secret_access_key"],
        "aws_bedrock_runtime_endpoint": amazon["url"],
        "aws_bedrock_endpoint": amazon["url"],
        "aws_batch_role_arn": amazon["batch_role"],
        "s3_bucket_name": amazon["bucket"],
        "s3_endpoint_url": amazon["url"],
    }
