"""A database's schema: where its migrations are, and how one of them is applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from dataplane.base.errors import ConfigurationError


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


def is_current(place: object, found: str | None, head: str) -> bool:
    """Whether a database at ``place`` has the revision ``head`` of its schema.

    Raises `ConfigurationError` if a newer release has migrated it. A migration would fail only
    after its backup, and a process that is restarted again and again would replace the backup that
    the newer release has made.
    """
    if found is not None and found > head:
        raise ConfigurationError(
            f"{place} has schema {found} of a newer release, this one knows schemas up to {head}: "
            f"install that release again"
        )
    return found == head
