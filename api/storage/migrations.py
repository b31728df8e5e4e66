"""A database's schema: where its migrations are, and how one of them is applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine


@dataclass(frozen=True)
class Schema:
    """Alembic's migrations of one database."""

    migrations: Path
    """A folder whose env.py migrates on the engine in its configuration's attributes."""
    head: str
    """The newest revision in it."""

    def step(self, engine: Engine) -> None:
        """Apply the next migration, all of it or nothing."""
        from alembic import command  # noqa: PLC0415 - 11 MB that only a migration needs
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        config.attributes["engine"] = engine
        command.upgrade(config, "+1")
