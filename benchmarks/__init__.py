"""Measures what the gateway promises about speed and memory. `python -m benchmarks [name…]` prints a table."""
