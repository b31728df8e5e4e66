"""Opens a database by its URL: SQLite's file for one process, or PostgreSQL for several.

An engine is imported when it is needed, so that a process with SQLite does not load PostgreSQL's
client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from api.common.children import child_environment
from api.common.disk import StorageError
from api.storage.clock import DatabaseClock
from api.storage.database import Database, OpenDatabase
from api.storage.migrations import Schema, is_current
from dataplane.base.clock import Clock, SystemClock
from dataplane.base.errors import ConfigurationError

_KINDS = ("sqlite", "postgresql")


def kind(url: str) -> str:
    """``sqlite`` or ``postgresql``. Raises `ConfigurationError`."""
    parsed = make_url(url)
    found = parsed.get_backend_name()
    if found not in _KINDS:
        raise ConfigurationError(f"database {found}: must be one of {', '.join(_KINDS)}")
    if found == "sqlite" and not parsed.database:
        raise ConfigurationError("database sqlite: must name a file, as sqlite:////PATH")
    return found


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite database; None: it is another database."""
    return Path(str(make_url(url).database)) if kind(url) == "sqlite" else None


def open_database(url: str) -> OpenDatabase:
    """A database whose schema is up to date. Raises `StorageError`: it can't be opened now."""
    engine = import_module(f"api.storage.{kind(url)}")
    opened: OpenDatabase = engine.Database(sqlite_path(url) or url)
    return opened


def database_clock(url: str, database: Database) -> Clock:
    """The reference clock: for SQLite this host's, because only this host writes the file."""
    host = SystemClock()
    return host if kind(url) == "sqlite" else DatabaseClock(database, host)


def revision(url: str) -> str | None:
    """The schema's revision; None: there is no database, or it is empty. Raises `StorageError`."""
    found: str | None = _upgrades(url).current(sqlite_path(url) or url)
    return found


def copying(url: str) -> Any:
    """The module that copies a database of this kind, ``api.storage.KIND.copying``."""
    return import_module(f"api.storage.{kind(url)}.copying")


def migrate(module: str, url: str, head: str) -> None:
    """Run the program ``module`` unless the database has the schema of ``head``.

    It is a separate process, so that Alembic's memory is released. The URL, which may contain a
    password, is not among its arguments.

    Raises `StorageError` if the storage is the cause, else `ConfigurationError`; a database of a
    newer release is not changed.
    """
    if is_current(sqlite_path(url) or "the database", revision(url), head):
        return
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=url.encode(),
        capture_output=True,
        check=False,
        env=child_environment(),
    )
    if done.returncode == StorageError.exit_code:
        raise _error(url, json.loads(done.stdout))
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ConfigurationError(f"the database can't be migrated: {' '.join(last)}")


def main(schema: Schema) -> int:
    """The program: migrate the database whose URL is on stdin; returns its exit code.

    An error of the storage is written to stdout, from which `migrate` raises it again.
    """
    url = sys.stdin.read()
    try:
        _upgrades(url).upgrade(sqlite_path(url) or url, schema)
    except StorageError as exc:
        print(json.dumps({"number": exc.number, "why": getattr(exc, "why", str(exc))}))
        return StorageError.exit_code
    return 0


def _upgrades(url: str) -> Any:
    return import_module(f"api.storage.{kind(url)}.upgrade")


def _error(url: str, said: dict[str, Any]) -> StorageError:
    make: Callable[..., StorageError] = _upgrades(url).error
    return make(sqlite_path(url) or url, **said)
