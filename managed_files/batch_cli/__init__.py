"""The command `batches`: a client of a running gateway, for people and scripts."""
