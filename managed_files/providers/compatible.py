"""Providers with OpenAI's chat API and addresses of their own. Knows them as rows of data; no row has code."""

from dataclasses import dataclass
from typing import ClassVar

from managed_files.batch_records import CHAT, BatchLimits
from managed_files.errors import ProviderFailed
from managed_files.providers.openai_batches import OpenAIBatches
from managed_files.providers.openai_server import OpenAIServer
from managed_files.records import Account, Copy, Parameter, Upload
from managed_files.upstream import Upstream

_HOUR = 3600  # seconds


class GroqBatches(OpenAIBatches):
    """Chats only, and smaller files. Source: Groq's SDK."""

    endpoints = (CHAT,)
    limits = BatchLimits(bytes=100_000_000)

    def window(self, seconds: int) -> str:
        """From a day to a week."""
        return f"{max(24, seconds // _HOUR)}h"


@dataclass(frozen=True, slots=True)
class Row:
    """One provider. `key` and `base`: variables for the credential and the address, in LiteLLM's names.

    `api_base` None: the entry has to give it. `stores_files`: it has OpenAI's Files API, and a chat can name what is
    stored there. `for_models`: an upload tells the models that the file is for, as to this gateway. `batches`: its
    Batch API, if it has one; then its Files API takes files of that purpose.
    """

    name: str
    key: tuple[str, ...]
    base: tuple[str, ...]
    api_base: str | None = None
    dialect: str = "openai"
    stores_files: bool = False
    for_models: bool = False
    batches: type[OpenAIBatches] | None = None

    def parameters(self) -> tuple[Parameter, ...]:
        """What an entry may say. Where files are for models, another model makes another account."""
        own = (
            Parameter("api_key", env=self.key, secret=True, identity=True),
            Parameter("api_base", env=self.base, default=self.api_base, identity=True, required=not self.api_base),
        )
        return (*own, Parameter("model", identity=True), Parameter("target_model_names")) if self.for_models else own


# xAI has a Files API, but what is stored there can be named in its Responses API only, where it turns the call into a
# search by tools that are billed apart (docs.x.ai, "Chat with Files"); its Chat Completions know no file part. Groq's
# and Together's files are for batches and fine-tuning; Fireworks and vLLM keep none.
_ROWS = (
    Row("xai", ("XAI_API_KEY",), ("XAI_API_BASE",), "https://api.x.ai/v1", "xai"),
    Row("groq", ("GROQ_API_KEY",), ("GROQ_API_BASE",), "https://api.groq.com/openai/v1", "groq", batches=GroqBatches),
    Row(
        "together_ai",
        ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_TOKEN"),
        ("TOGETHER_AI_API_BASE",),
        "https://api.together.ai/v1",
        "together_ai",
    ),
    Row(
        "fireworks_ai",
        ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        ("FIREWORKS_API_BASE", "FIREWORKS_AI_API_BASE"),
        "https://api.fireworks.ai/inference/v1",
        "fireworks_ai",
    ),
    Row("hosted_vllm", ("HOSTED_VLLM_API_KEY",), ("HOSTED_VLLM_API_BASE",), dialect="hosted_vllm"),
    Row("openai_like", ("OPENAI_LIKE_API_KEY",), ("OPENAI_LIKE_API_BASE",), dialect="openai_like", stores_files=True),
    Row("litellm_proxy", ("LITELLM_PROXY_API_KEY",), ("LITELLM_PROXY_API_BASE",), stores_files=True, for_models=True),
)


class Compatible(OpenAIServer):
    """What all rows share: OpenAI's paths below `api_base`, and a bearer key."""

    row: ClassVar[Row]

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self._batches = self.row.batches(self) if self.row.batches else None

    def batches(self) -> OpenAIBatches | None:
        return self._batches

    def upload(self, upload: Upload) -> Copy:
        """Raises ProviderFailed before anything is sent where neither a chat nor a batch could name the file."""
        if not self.stores_files and not (self.row.batches and upload.purpose == "batch"):
            message = f"{self.name} stores no files for chat. Leave its models out of target_model_names."
            raise ProviderFailed(self.name, message, upstream_status=400, param="target_model_names")
        return super().upload(upload)

    def fields(self, upload: Upload) -> dict[str, str]:
        """With the models at the other gateway: `target_model_names` of the entry ("" for none), else its model."""
        given = self.account.params.get("target_model_names")
        model = str(self.account.params.get("model") or "").partition("/")[2]
        names = model if given is None else given
        return super().fields(upload) | ({"target_model_names": names} if self.row.for_models and names else {})


def _adapter(row: Row) -> type[Compatible]:
    class Adapter(Compatible):
        name = row.name
        prefixes = (row.name,)
        parameters = row.parameters()
        dialect = row.dialect
        stores_files = row.stores_files
        batch_api = row.batches

    Adapter.row = row
    Adapter.__name__ = Adapter.__qualname__ = f"Compatible[{row.name}]"
    return Adapter


COMPATIBLE = tuple(_adapter(row) for row in _ROWS)
