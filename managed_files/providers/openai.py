"""OpenAI, and every server that speaks its API at another `api_base`. Knows its parameters and headers."""

import re

from managed_files.providers.openai_batches import OpenAIBatches
from managed_files.providers.openai_server import OpenAIServer
from managed_files.records import Account, Parameter
from managed_files.upstream import Upstream

# The regions have hosts of their own.
_OWN_HOST = re.compile(r"https?://(?:[a-z]+\.)?api\.openai\.com(?:[:/]|$)", re.IGNORECASE)


class OpenAI(OpenAIServer):
    """https://api.openai.com/v1 or the entry's `api_base`. Source: OpenAI's API description, /files."""

    name = "openai"
    prefixes = ("openai",)
    batch_api = OpenAIBatches
    parameters = (
        Parameter("api_key", env=("OPENAI_API_KEY",), secret=True, identity=True),
        Parameter(
            "api_base",
            env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            default="https://api.openai.com/v1",
            identity=True,
        ),
        Parameter("organization", identity=True),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        if _OWN_HOST.match(str(account.params.get("api_base"))):
            self.dialect = "openai_itself"
        self._batches = OpenAIBatches(self)

    def batches(self) -> OpenAIBatches:
        return self._batches

    def credentials(self) -> dict[str, str]:
        organization = self.account.params.get("organization")
        return super().credentials() | ({"OpenAI-Organization": organization} if organization else {})
