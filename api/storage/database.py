"""What services need of a database, whichever it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Row

AnyRow = Row[*tuple[Any, ...]]
"""A row of any query."""


class Database(Protocol):
    """Transactions; what fails because of the storage is an `api.common.disk.StorageError`."""

    def read(self) -> AbstractContextManager[Connection]:
        """A read transaction: one consistent state of the database."""
        ...

    def write(self, *, bulk: bool = False) -> AbstractContextManager[Connection]:
        """A write transaction: durable when the block ends, nothing if it raises.

        ``bulk``: one chunk of many, which may wait for whoever else wants to write.
        """
        ...
