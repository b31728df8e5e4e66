"""What services need of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from api.common.disk import StorageError

AnyRow = Row[*tuple[Any, ...]]
"""A row of any query."""


class Database(Protocol):
    """Transactions; what fails because of the storage is an `api.common.disk.StorageError`."""

    def read(self) -> AbstractContextManager[Connection]:
        """A read transaction: one consistent state of the database."""
        ...

    def peek(self) -> AbstractContextManager[Connection]:
        """For one statement that reads, at the least cost."""
        ...

    def write(
        self, *, bulk: bool = False, shared: bool = False
    ) -> AbstractContextManager[Connection]:
        """A write transaction: durable when the block ends, nothing if it raises.

        One at a time: what the block has read stays so until its end.

        ``bulk``: one chunk of many, which may wait for whoever else wants to write.
        ``shared``: others may write meanwhile, where the database can do that; the block changes
        single rows, and nothing else that it has read matters.
        """
        ...


class OpenDatabase(Database, Protocol):
    """A database that somebody has opened, and closes."""

    place: str
    """How messages call it; it is the ``place`` of its errors."""
    on_error: Callable[[StorageError], None]
    """Told of each."""

    def check_writable(self) -> None:
        """Raise `StorageError` unless a write transaction can be made durable."""
        ...

    def close(self) -> None:
        """Close all connections; idempotent."""
        ...
