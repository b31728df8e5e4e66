"""Distinguishes errors of the database from errors of the statement, for PostgreSQL.

Errors are classified by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html). An error
without one comes from the client library: no connection, or a broken one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.common.contract.errors import FieldError
from api.common.disk import StorageError

RETRY_AFTER_S = 2


class DatabaseError(StorageError):
    """The database can't be used now: 503."""

    def __init__(self, place: str, number: int, why: str) -> None:
        self.place = place
        self.number = number
        self.why = why
        message = f"{place} can't be used: {why}. Nothing of this request was kept"
        what = FieldError("storage", place, "usable", message)
        super().__init__(message, errors=[what], retry_after_s=RETRY_AFTER_S)

    def anew(self) -> DatabaseError:
        """See `StorageError`."""
        return type(self)(self.place, self.number, self.why)


class DatabaseAwayError(DatabaseError):
    """No connection, or no room: the requests of all clients fail until it is repaired."""

    kind = "away"


class DatabaseBusyError(DatabaseError):
    """This transaction was rolled back in favour of others; the same request may
    succeed at once."""

    kind = "busy"
    is_passing = True


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Convert errors of the database in the block to `DatabaseError`."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, psycopg.Error) as exc:
        found = database_error(exc, place)
        if found is None:
            raise
        raise found from exc


def database_error(error: Exception, place: str) -> DatabaseError | None:
    """The error of the database; None: the statement was wrong."""
    if isinstance(error, PoolTimeoutError):
        return DatabaseBusyError(place, errno.EBUSY, "all connections are in use")
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    if state is None:
        is_known = not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return None if is_known else DatabaseAwayError(place, errno.ECONNREFUSED, _line(cause))
    for prefixes, (kind, number) in _MEANINGS.items():
        if state.startswith(prefixes):
            return kind(place, number, _line(cause))
    return None


def _line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


_MEANINGS: dict[tuple[str, ...], tuple[type[DatabaseError], int]] = {
    ("40", "55P03", "57014", "25P03", "25P04"): (DatabaseBusyError, errno.EBUSY),
    ("08", "57P", "28", "3D"): (DatabaseAwayError, errno.ECONNREFUSED),
    ("53",): (DatabaseAwayError, errno.ENOSPC),
    ("25006",): (DatabaseAwayError, errno.EROFS),
}
"""By the first characters of SQLSTATE: a rollback because of another transaction or a wait that was
too long; a connection that fails or ends, a server that starts, stops, or does not know user or
database; no room; a standby that is not promoted yet."""
