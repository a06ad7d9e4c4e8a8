"""Stand-ins for the providers: real HTTP servers, as strict as the real ones. Imports nothing of ours."""

from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.bedrock import BedrockSandbox
from managed_files.sandbox.compatible import CompatibleSandbox
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gemini import GeminiSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.journal import Recorded
from managed_files.sandbox.mistral import MistralSandbox
from managed_files.sandbox.openai import OpenAISandbox

__all__ = [
    "AnthropicSandbox",
    "AzureSandbox",
    "BedrockSandbox",
    "CompatibleSandbox",
    "Fault",
    "GeminiSandbox",
    "GoogleSandbox",
    "MistralSandbox",
    "OpenAISandbox",
    "Recorded",
]
