"""Detects that another worker process has revoked a key that this worker has cached.

The transaction that revokes a key, a token or a node writes a new random value into one row
(`revoked`). Each worker reads that row at most twice a second, while requests come in, and drops
its cached keys when the value has changed. So a revoked key is valid on other workers for at most
`FRESH_S` and the time of one small query, and the cost does not grow with the number of requests.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, select

from api.storage.database import Database
from api.storage.statements.upsert import upsert
from api.storage.tables import meta

FRESH_S = 0.5
_NAME = "revocations"
_READ = select(meta.c.value).where(meta.c.name == _NAME)


def revoked(connection: Connection) -> None:
    """Record, in the revoking transaction, that cached keys are no longer reliable."""
    upsert(connection, meta, {"name": _NAME}, {"value": secrets.token_hex(8)})


class Freshness:
    """The revocation value of one database, shared by the threads of a worker."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._value = ""
        self._read_s = -FRESH_S

    def value(self) -> str:
        """The value, at most `FRESH_S` old; empty until the first revocation. Raises
        `StorageError`."""
        with self._lock:
            began_s = self._clock()
            if began_s - self._read_s >= FRESH_S:
                with self._database.peek() as connection:
                    self._value = connection.execute(_READ).scalar() or ""
                self._read_s = began_s
            return self._value

    def at_hand(self) -> str | None:
        """The value if it is recent enough to be used without a query, else None."""
        return self._value if self._clock() - self._read_s < FRESH_S else None

    def expire(self) -> None:
        """Force the next `value` to query: this worker has revoked something itself."""
        self._read_s = self._clock() - FRESH_S
