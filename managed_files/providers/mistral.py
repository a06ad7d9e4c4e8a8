"""Mistral. Knows its addresses, and where its Files API differs from OpenAI's.

Source: Mistral's API description (/v1/files) and the types of its Python SDK 3.7.
"""

from collections.abc import Mapping
from typing import ClassVar

from managed_files.batch_records import EMBEDDINGS
from managed_files.providers.mistral_batches import MistralBatches
from managed_files.providers.openai_server import OpenAIServer
from managed_files.records import Account, Parameter, Upload
from managed_files.upstream import Upstream

_PURPOSES = frozenset({"batch", "fine-tune", "ocr", "audio", "agentic_safety"})


class Mistral(OpenAIServer):
    """https://api.mistral.ai/v1. Ids are UUIDs; a file has no status and can be used at once; its bytes come back."""

    name = "mistral"
    dialect = "mistral"
    relays = (EMBEDDINGS,)
    gives_back = "yes"
    expiry = "by the gateway"
    batch_api = MistralBatches
    prefixes = ("mistral",)
    parameters = (
        Parameter("api_key", env=("MISTRAL_API_KEY",), secret=True, identity=True),
        Parameter("api_base", env=("MISTRAL_API_BASE",), default="https://api.mistral.ai/v1", identity=True),
    )
    first_page: ClassVar[Mapping[str, str]] = {"page": "0", "page_size": "100"}

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self._batches = MistralBatches(self.wire, self.url, self.headers)

    def batches(self) -> MistralBatches:
        return self._batches

    def fields(self, upload: Upload) -> dict[str, str]:
        """Documents for chat have the purpose `ocr`, whatever OpenAI calls it.

        Mistral's `expiry` is not sent: its unit is written nowhere. The gateway ends the file's life itself.
        """
        return {"purpose": upload.purpose if upload.purpose in _PURPOSES else "ocr"}

    def next_page(self, query: dict[str, str], last_id: str) -> dict[str, str]:
        """Pages have numbers, and no answer says which is the last: that is the one after which nothing is new."""
        return {**query, "page": str(int(query["page"]) + 1)}
