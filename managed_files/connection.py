"""One connection to PostgreSQL, which keeps what its next statement needs again. Knows psycopg and libpq, no table."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow

from managed_files.queries import Query, numbered

_decoded = json.JSONDecoder().decode


class LeanConnection(psycopg.Connection[DictRow]):
    """Raises psycopg's errors. Used by one thread at a time."""

    def rows(self, query: Query, params: Mapping[str, Any] | None) -> list[DictRow]:
        """All rows that a statement returns."""
        cursor = self._kept.execute(query.text.encode(), params)
        return cursor.fetchall() if cursor.rownumber is not None else []

    def value(self, query: Query, params: Mapping[str, str | None]) -> Any:
        """The JSON value that a statement answers with, None without a row. By libpq: a cursor costs four times that.

        Parameters go as text, which must be free of NUL, and PostgreSQL makes of them what the statement needs.
        """
        names = self._parameters.get(query.name)
        if names is None:
            names = self._prepare(query)
        values = [value if value is None else value.encode() for value in map(params.get, names)]
        answer = self.pgconn.exec_prepared(query.name.encode(), values)  # type: ignore[arg-type]  # None is NULL here too
        result = self._checked(answer)
        found = result.get_value(0, 0) if result.ntuples else None
        return None if found is None else _decoded(found.decode())

    @cached_property
    def _kept(self) -> psycopg.Cursor[DictRow]:
        """One cursor for all statements: a new one costs a third of a small statement's CPU."""
        return self.cursor()

    @cached_property
    def _parameters(self) -> dict[str, tuple[str, ...]]:
        """Names of parameters in their order, by the name of a statement that this connection has prepared."""
        return {}

    def _prepare(self, query: Query) -> tuple[str, ...]:
        text, names = numbered(query)
        self._checked(self.pgconn.prepare(query.name.encode(), text.encode()))
        self._parameters[query.name] = names
        return names

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return result
        if self.pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError(result.get_error_message())
        raise psycopg.errors.error_from_result(result)
