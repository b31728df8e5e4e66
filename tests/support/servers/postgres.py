"""A PostgreSQL server from Debian's package, in its own directory, on a Unix socket only.

It runs as an unprivileged user, because PostgreSQL refuses root, and without fsync unless a test is
about a crash. Each test gets a database, copied from a template that is migrated once.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.support.waiting import wait_for

_ROOM = Path("/usr/lib/postgresql")
_OTHER = "SECBEAT_TEST_POSTGRESQL"
"""Environment variable with the program directory of another version."""
_USER, _GROUP = "nobody", "nogroup"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "logging_collector": "off",
}


class Postgres:
    """One server. `directory` must be short: the path of a Unix socket has at most 107 bytes."""

    def __init__(self, directory: Path, settings: dict[str, str] | None = None) -> None:
        self.directory = directory
        self._settings = {**_SETTINGS, **(settings or {})}
        self._numbers = itertools.count()
        self._made = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster if it does not exist, and start the server."""
        if not (self.directory / "data").exists():
            directory = self.directory
            directory.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(directory, _USER)
            self._run(
                "initdb",
                "-D",
                "data",
                "-U",
                "secbeat",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            )
            options = {**self._settings, "unix_socket_directories": str(directory)}
            lines = "".join(f"{name} = '{value}'\n" for name, value in options.items())
            self._run("sh", "-c", "cat >>data/postgresql.conf", text=lines)
        self._serve()

    def stop(self, mode: str = "fast") -> None:
        """``fast``: disconnects clients; ``immediate``: like a power failure."""
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-m", mode, "stop")
        if self._process is not None:
            self._process.wait(60)

    def url(self, database: str = "postgres") -> str:
        """The URL for SQLAlchemy."""
        return f"postgresql://secbeat@/{database}?host={self.directory}"

    def execute(self, statement: str) -> None:
        """Execute a statement as the superuser, outside a transaction."""
        where = f"host={self.directory} user=secbeat dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())

    def make_database(self, migrate: Callable[[str], None]) -> str:
        """Make a database with the newest schema; returns its URL."""
        if not self._made:
            self.execute("CREATE DATABASE template")
            migrate(self.url("template"))
            self._made = True
        name = f"fleet{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template ")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, even if clients are connected."""
        name = url.rpartition("/")[0] and url.split("@/")[1].partition("?")[0]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _serve(self) -> None:
        """Run the server until it is stopped or its parent has ended."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_confined(), str(programs() / "postgres"), "-D", "data"],
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, "PostgreSQL answers", 60)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"it has ended: {(self.directory / 'log').read_text()[-2000:]}")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str, text: str = "") -> None:
        done = subprocess.run(
            [*_confined(), *command],
            input=text.encode(),
            cwd=self.directory,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: status {done.returncode}: {done.stdout.decode()}")

    def _environment(self) -> dict[str, str]:
        path = f"{programs()}:{os.environ['PATH']}"
        return {"PATH": path, "LC_ALL": "C", "HOME": str(self.directory)}


def _confined() -> list[str]:
    """The prefix of a command that makes it end with its parent, and run as another
    user than root."""
    user = ["--reuid", _USER, "--regid", _GROUP, "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, "--pdeathsig", "QUIT"]


def programs() -> Path:
    """The programs of the newest version installed from Debian, unless the environment selects
    others."""
    if other := os.environ.get(_OTHER):
        return Path(other)
    found = sorted(_ROOM.glob("[0-9]*/bin"), key=lambda path: int(path.parent.name))
    found = [path for path in found if (path / "initdb").exists()]
    if not found:
        raise RuntimeError(f"no PostgreSQL below {_ROOM}: make setup installs it")
    return found[-1]
