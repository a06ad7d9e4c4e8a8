"""Where Vertex AI's calls go: a project and a location, and the host that serves them. Source: google-genai."""

from collections.abc import Callable, Mapping
from typing import Any

from managed_files.errors import ProviderFailed
from managed_files.records import Deployment

DEFAULT_LOCATION = "us-central1"


def place_of(deployment: Deployment, own_project: Callable[[], str | None]) -> str:
    """`projects/…/locations/…`. `own_project` tells the credential's, which is asked where the entry names none."""
    project = deployment.params.get("vertex_project") or own_project()
    if not project:
        raise ProviderFailed(
            deployment.provider, "vertex_ai: no project. Set vertex_project in the entry, or GOOGLE_CLOUD_PROJECT."
        )
    return f"projects/{project}/locations/{deployment.params.get('vertex_location') or DEFAULT_LOCATION}"


def url_of(name: str, params: Mapping[str, Any]) -> str:
    """The address of what has this name, which begins as `place_of` has it. `params` may tell another host."""
    base = params.get("api_base") or _host(name.split("/")[3])
    return f"{base.rstrip('/')}/v1/{name}"


def _host(location: str) -> str:
    """Regional, global, or one of the two multi-regions."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
