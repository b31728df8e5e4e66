"""Migrates in a separate process, so that Alembic's memory is released.

A database's own module calls `main` as a program (``python -m MODULE DATABASE``); the process that
opens the database calls `migrate` with that module's name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from api.common.children import child_environment
from api.common.disk import DiskError, StorageError, written
from dataplane.base.errors import ConfigurationError


def migrate(module: str, database: Path) -> None:
    """Run the program ``module``, which migrates ``database``.

    Raises `StorageError` if the storage is the cause, else `ConfigurationError`.
    """
    command = [sys.executable, "-m", module, str(database)]
    done = subprocess.run(command, capture_output=True, check=False, env=child_environment())
    if done.returncode == StorageError.exit_code:
        raise DiskError(database.parent, json.loads(done.stdout)["errno"])
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ConfigurationError(f"{database} can't be migrated: {' '.join(last)}")


def main(upgrade: Callable[[Path], None]) -> int:
    """The program: ``upgrade`` the database in its argument; returns its exit code.

    An error of the storage is written to stdout, from which `migrate` raises it again.
    """
    database = Path(sys.argv[1])
    try:
        with written(database.parent):
            upgrade(database)
    except StorageError as exc:
        print(json.dumps({"errno": exc.number}))
        return StorageError.exit_code
    return 0
