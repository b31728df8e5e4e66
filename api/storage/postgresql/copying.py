"""Copies and restores a database with PostgreSQL's own programs.

They get the connection parameters in a service file (libpq, 32.17), so that no command line has a
password.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import make_url

from api.common.children import child_environment
from api.storage.copying import CopyError, new_file
from api.storage.postgresql.engine import CONNECT_S, place

MAGIC = b"PGDMP"
"""The first bytes of an archive of pg_dump's custom format."""
_BOUND_S = 3600
_LOCK_MS = 10_000
_SERVICE = "fleet"
_PLAIN = ("--no-owner", "--no-privileges")
"""The restoring user may have another name than the former owner."""


def dump(url: str, file: Path) -> None:
    """Copy one consistent state to ``file`` with pg_dump. Raises `CopyError`, `StorageError`."""
    with _environment(url) as environment, new_file(file) as unfinished:
        _run(
            [_program("pg_dump"), "--format=custom", *_PLAIN, f"--file={unfinished}"],
            environment,
            f"a copy of {place(make_url(url))}",
        )


def load(url: str, file: Path, tables: Collection[str], last: str) -> None:
    """Restore a copy in one transaction that ends with ``last``; all or nothing.

    Args:
        tables: existing tables to drop.

    Raises:
        CopyError: the database is unchanged.
    """
    what = f"{place(make_url(url))} from {file}"
    gone = "".join(f'DROP TABLE IF EXISTS "{name}" CASCADE;\n' for name in tables)
    with _environment(url) as environment, TemporaryDirectory(dir=file.parent) as directory:
        script = Path(directory) / "script.sql"
        with script.open("wb") as stream:
            stream.write(f"BEGIN;\nSET LOCAL lock_timeout = {_LOCK_MS};\n{gone}".encode())
            stream.flush()
            _run(
                [_program("pg_restore"), *_PLAIN, "--file=-", str(file)], environment, what, stream
            )
            stream.write(f"\nRESET search_path;\n{last};\nCOMMIT;\n".encode())
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}")
        _run([_program("psql"), *options], environment, what)


def _run(
    command: list[str], environment: dict[str, str], what: str, output: IO[bytes] | None = None
) -> None:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            umask=0o077,
            timeout=_BOUND_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise CopyError(f"{what}: {Path(command[0]).name} takes longer than {_BOUND_S} s") from exc
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise CopyError(f"{what}: {Path(command[0]).name} has failed: {said}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CopyError(
            f"{name} is missing: install postgresql-client, of the server's version at least"
        )
    return found


@contextmanager
def _environment(url: str) -> Iterator[dict[str, str]]:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    _, options = parsed.get_dialect()().create_connect_args(parsed)
    options = {"connect_timeout": CONNECT_S, **options, "client_encoding": "UTF8"}
    lines = [f"{name}={value}" for name, value in options.items()]
    if any("\n" in line or line != line.rstrip() for line in lines):
        raise CopyError("a value in the database's URL ends in a blank, or has a line break")
    with TemporaryDirectory() as directory:
        file = Path(directory) / "service.conf"
        file.touch(0o600)
        file.write_text("\n".join([f"[{_SERVICE}]", *lines, ""]))
        yield {**child_environment(), "PGSERVICEFILE": str(file), "PGSERVICE": _SERVICE}
