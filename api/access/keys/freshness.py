"""Whether a key that this worker remembers still opens anything, though another may revoke it.

Whoever revokes a key, a token or a node puts a new value into one row (`revoked`), in the
transaction that does it. Each worker looks at that row twice a second while it is asked, and
forgets what it remembers when the value is another. So a key opens nothing on any worker within
`FRESH_S` and the time of one small query, and a thousand nodes that ask each second cost nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, select

from api.storage.database import Database
from api.storage.tables import meta
from api.storage.upsert import upsert

FRESH_S = 0.5
_NAME = "revocations"
_READ = select(meta.c.value).where(meta.c.name == _NAME)


def revoked(connection: Connection) -> None:
    """Say, in the transaction that does it, that some key opens less than before."""
    upsert(connection, meta, {"name": _NAME}, {"value": secrets.token_hex(8)})


class Freshness:
    """The value of one database, as a worker's threads see it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._value = ""
        self._read_s = -FRESH_S

    def value(self) -> str:
        """At most `FRESH_S` old; empty until the first revocation. Raises `StorageError`."""
        with self._lock:
            began_s = self._clock()
            if began_s - self._read_s >= FRESH_S:
                with self._database.peek() as connection:
                    self._value = connection.execute(_READ).scalar() or ""
                self._read_s = began_s
            return self._value

    def at_hand(self) -> str | None:
        """The value, if it need not be read anew."""
        return self._value if self._clock() - self._read_s < FRESH_S else None

    def expire(self) -> None:
        """This worker has revoked something itself."""
        self._read_s = self._clock() - FRESH_S
