"""Use cases: no Flask, no SQL text, no provider names."""
