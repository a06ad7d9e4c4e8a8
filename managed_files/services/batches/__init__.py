"""Batches: lines taken in, run at their providers or by the gateway itself, and merged into one result."""
