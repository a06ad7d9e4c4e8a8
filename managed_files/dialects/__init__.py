"""One module per chat format; pure translations."""
