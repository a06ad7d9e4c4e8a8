"""The official SDKs as clients of servers of this machine. They share one TLS context, which takes 50 ms to make."""

import ssl

import anthropic
import openai

_TLS = ssl.create_default_context()


def openai_at(url: str, key: str, max_retries: int = 0) -> openai.OpenAI:
    """OpenAI's, without retries of its own."""
    http = openai.DefaultHttpxClient(verify=_TLS)
    return openai.OpenAI(base_url=url, api_key=key, max_retries=max_retries, http_client=http)


def anthropic_at(url: str, key: str) -> anthropic.Anthropic:
    """The same for Anthropic's."""
    http = anthropic.DefaultHttpxClient(verify=_TLS)
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, http_client=http)
