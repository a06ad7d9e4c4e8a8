"""Managed Files: one file id for every LLM provider, behind an OpenAI-compatible gateway."""

__version__ = "0.1.0"
