"""Runs all stand-ins in a process of their own: `python -m managed_files.sandbox`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET, BedrockSandbox
from managed_files.sandbox.file_rules import DEFAULT_LIMIT
from managed_files.sandbox.gemini import GeminiSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.mistral import MistralSandbox
from managed_files.sandbox.openai import OpenAISandbox

_STACK = 256 << 10  # bytes a thread: a thousand streams are a thousand threads


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m managed_files.sandbox", description=__doc__)
    parser.add_argument("--receive-rate", type=float, help="bytes a second at which bodies are read")
    parser.add_argument("--max-file-bytes", type=int, default=DEFAULT_LIMIT, help="OpenAI's limit of one file")
    parser.add_argument("--keep-up-to", type=int, help="larger files are measured, but not kept on disk")
    parser.add_argument("--token-life", type=int, default=3599, help="seconds an access token of Google lasts")
    return parser.parse_args()


Keyed = OpenAISandbox | GeminiSandbox | AnthropicSandbox | MistralSandbox


def facts(
    azure: AzureSandbox, google: GoogleSandbox, bedrock: BedrockSandbox, keyed: Mapping[str, Keyed]
) -> dict[str, Any]:
    """What a client needs to know: addresses, keys, the service account. `keyed`: those that want a key alone."""
    return {
        **{name: {"url": server.url, "api_key": next(iter(server.api_keys))} for name, server in keyed.items()},
        "azure": {
            "url": azure.url,
            "api_key": next(iter(azure.api_keys)),
            "deployments": azure.deployments,
        },
        "google": {
            "url": google.url,
            "project": google.project,
            "bucket": google.bucket,
            "service_account": google.service_account_info(),
        },
        "bedrock": {
            "url": bedrock.url,
            "region": bedrock.region,
            "bucket": bedrock.bucket,
            "batch_role": bedrock.batch_role,
            "access_key_id": DEFAULT_KEY,
            "secret_access_key": DEFAULT_SECRET,
        },
    }


def main() -> None:
    """Prints one JSON line and serves until SIGTERM or SIGINT."""
    arguments = _arguments()
    threading.stack_size(_STACK)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    limits = {"max_file_bytes": arguments.max_file_bytes, "keep_up_to": arguments.keep_up_to}
    rate = arguments.receive_rate
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAISandbox(receive_rate=rate, **limits))
        azure = stack.enter_context(AzureSandbox(receive_rate=rate, **limits))
        google = stack.enter_context(
            GoogleSandbox(receive_rate=rate, keep_up_to=arguments.keep_up_to, token_life=arguments.token_life)
        )
        gemini = stack.enter_context(GeminiSandbox(receive_rate=rate, keep_up_to=arguments.keep_up_to))
        anthropic = stack.enter_context(AnthropicSandbox(receive_rate=rate, **limits))
        mistral = stack.enter_context(MistralSandbox(receive_rate=rate, **limits))
        bedrock = stack.enter_context(BedrockSandbox(receive_rate=rate, keep_up_to=arguments.keep_up_to))
        keyed: dict[str, Keyed] = {"openai": openai, "gemini": gemini, "anthropic": anthropic, "mistral": mistral}
        sys.stdout.write(json.dumps(facts(azure, google, bedrock, keyed)) + "\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
