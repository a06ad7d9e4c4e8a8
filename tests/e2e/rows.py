"""What the gateway's tables hold, seen from beside it."""

import psycopg


def states(url: str) -> list[str]:
    """The state of every file and of every copy that the gateway still knows of."""
    with psycopg.connect(url) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM files UNION ALL SELECT state FROM copies")]


def make_due(url: str) -> None:
    """Lets the times pass that crashed work of any kind and the next attempt at a copy wait for."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE files SET lease_until = now() - interval '1 second' WHERE state = 'uploading'")
        connection.execute("UPDATE copies SET next_attempt_at = now()")
        connection.execute("UPDATE copies SET look_at = now() WHERE look_at > now()")
        connection.execute("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
        connection.execute("UPDATE batch_parts SET lease_until = NULL, searched_at = searched_at - interval '1 minute'")
        connection.execute("UPDATE batch_runs SET lease_until = now()")
