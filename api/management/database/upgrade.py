"""Brings ``node.db`` to the newest schema, with a backup before every migration.

Run as a program so that Alembic's memory goes away with the process: ``python -m
api.management.database.upgrade node.db``.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

HEAD = "0001"
"""The newest revision in ``migrations/versions``; a test compares."""
BACKUPS_MAX = 5
_MIGRATIONS = Path(__file__).parent / "migrations"


def current(database: Path) -> str | None:
    """The schema's revision; None: there is no database, or nothing in it."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return str(row[0]) if row else None


def upgrade(database: Path) -> None:
    """Migrate one step at a time up to `HEAD`; a database that has it is not touched."""
    from alembic import command  # noqa: PLC0415 - 11 MB that only a migration needs
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    while (revision := current(database)) != HEAD:
        if revision is not None:
            back_up(database, revision)
        from api.management.database.engine import make_engine  # noqa: PLC0415

        engine = make_engine(database)
        try:
            config.attributes["engine"] = engine
            command.upgrade(config, "+1")
        finally:
            engine.dispose()


def back_up(database: Path, revision: str) -> Path:
    """A consistent copy beside it, ``node.db.before-<n>.<revision>``; keeps the newest."""
    number = max((_number(path) for path in _backups(database)), default=0) + 1
    target = database.with_name(f"{database.name}.before-{number:04}.{revision}")
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.chmod(0o600)
    unfinished.replace(target)
    for old in _backups(database)[:-BACKUPS_MAX]:
        old.unlink()
    return target


def _backups(database: Path) -> list[Path]:
    found = database.parent.glob(f"{database.name}.before-*")
    return sorted((path for path in found if path.suffix != ".tmp"), key=_number)


def _number(path: Path) -> int:
    digits = path.name.rpartition(".before-")[2].partition(".")[0]
    return int(digits) if digits.isdigit() else 0


def main(arguments: list[str]) -> Any:
    """Entry point of the program."""
    (database,) = arguments
    upgrade(Path(database))


if __name__ == "__main__":
    main(sys.argv[1:])
