"""The interface of a database, for services."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from api.common.disk import StorageError

AnyRow = Row[*tuple[Any, ...]]
"""A row of any query."""


class Database(Protocol):
    """Transactions; an error of the storage is raised as `api.common.disk.StorageError`."""

    def read(self) -> AbstractContextManager[Connection]:
        """A read transaction: one consistent state of the database."""
        ...

    def peek(self) -> AbstractContextManager[Connection]:
        """A connection for one statement that reads, at the least cost."""
        ...

    def write(
        self, *, bulk: bool = False, shared: bool = False
    ) -> AbstractContextManager[Connection]:
        """A write transaction: durable when the block ends, rolled back if it raises.

        One at a time: data that the block has read does not change until its end.

        ``bulk``: one chunk of many, which other writers may overtake. ``shared``: other writers may
        run at the same time, if the database supports it; the block changes single rows, and
        depends on nothing else that it has read.
        """
        ...


class OpenDatabase(Database, Protocol):
    """An open database, which its owner closes."""

    place: str
    """The name of the database in messages; the ``place`` of its errors."""
    on_error: Callable[[StorageError], None]
    """Called with each error."""

    def check_writable(self) -> None:
        """Raise `StorageError` unless a write transaction can be made durable."""
        ...

    def close(self) -> None:
        """Close all connections; idempotent."""
        ...
