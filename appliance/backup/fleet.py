"""The fleet's database in a backup: ``secbeat fleet database``, run as the orchestrator's user.

That is the user who may connect to the database, and to whom the files of SQLite belong.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.common.children import child_environment
from api.storage.opening import revision, sqlite_path
from appliance.backup.errors import BackupError
from appliance.config.orchestrator import DATABASE_URL, database_url, load_orchestrator

CREDENTIALS = "/etc/credstore"
_BOUND_S = 4 * 3600
_COPIES = "/var/tmp"  # noqa: S108 - a directory of the user's own is made in it


@dataclass(frozen=True)
class Copy:
    """A copy of the database."""

    file: Path
    revision: str | None
    """Revision of its schema; None: it is a dump of PostgreSQL."""


def url(config: Path) -> str:
    """The URL of the database. Its credential is systemd's, or the plain file that systemd would
    read.

    Raises `ConfigurationError`.
    """
    environment = {"CREDENTIALS_DIRECTORY": CREDENTIALS, **os.environ}
    return database_url(load_orchestrator(config), environment)


@contextmanager
def dumped(config: Path) -> Iterator[Copy | None]:
    """A copy of the database, deleted at the end of the block; None: there is no database yet.

    Raises `BackupError`.
    """
    place = sqlite_path(url(config))
    if place is not None and not place.exists():
        yield None
        return
    user = account(config)
    with TemporaryDirectory(dir=_COPIES, prefix="secbeat-fleet-") as directory:
        os.chown(directory, user.pw_uid, user.pw_gid)
        file = Path(directory) / "fleet.dump"
        _run(config, user, "dump", file)
        yield Copy(file, None if place is None else revision(f"sqlite:///{file}"))


def restore(config: Path, file: Path) -> None:
    """Restore the database from a copy. Raises `BackupError`: the database is unchanged."""
    _run(config, account(config), "restore", file)


def account(config: Path) -> pwd.struct_passwd:
    """The orchestrator's user. Raises `BackupError` if there is none."""
    name = load_orchestrator(config).user
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise BackupError(f"{config}: there is no user {name}: install SecBeat first") from None


def _run(config: Path, user: pwd.struct_passwd, verb: str, file: Path) -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "fleet", "database", verb, str(file)]
    environment = child_environment(keep=(DATABASE_URL[0],))
    environment[DATABASE_URL[0]] = url(config)
    try:
        done = subprocess.run(
            [*command, "--config", str(config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=environment,
            umask=0o077,
            timeout=_BOUND_S,
            **_as_user(user),
        )
    except subprocess.TimeoutExpired:
        raise BackupError(f"'fleet database {verb}' takes longer than {_BOUND_S} s") from None
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise BackupError(f"the fleet's database: {said.removeprefix('secbeat: ')}")


def _as_user(user: pwd.struct_passwd) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
