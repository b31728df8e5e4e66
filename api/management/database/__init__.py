"""``node.db``: SQLite in WAL, ``synchronous=FULL``. The API is its only writer and only reader."""

from api.management.database.engine import AnyRow, Database

__all__ = ["AnyRow", "Database"]
