"""Reads ``events.db`` for the management API: never writes, and waits only briefly.

The agent may be away, or may never have run. Then an error of its own is raised: a handler that can
answer without recorded data reports this in its answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from api.common.contract.errors import FieldError, UnavailableError
from api.storage.sqlite.reading import make_reader

BUSY_MS = 250
_RETRY_AFTER_S = 2


class HistoryAwayError(UnavailableError):
    """The agent's database can't be read: it does not exist yet, or its disk is broken."""

    def __init__(self, path: Path, why: str) -> None:
        message = f"the agent's database {path} can't be read: {why}; see secbeat-agent"
        what = FieldError("agent", str(path), "readable", message)
        super().__init__(message, errors=[what], retry_after_s=_RETRY_AFTER_S)


class History:
    """The recorded data of the node. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = make_reader(path, BUSY_MS)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction. Raises `HistoryAwayError`."""
        if not self._path.exists():
            raise HistoryAwayError(self._path, "it is not there")
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield connection
        except (sqlite3.Error, DBAPIError) as exc:
            cause = getattr(exc, "orig", None) or exc
            raise HistoryAwayError(self._path, str(cause)) from exc
