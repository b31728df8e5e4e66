"""``node.db``: SQLite in WAL, ``synchronous=FULL``. The API is its only writer and only reader."""

from api.management.database.engine import Database

__all__ = ["Database"]
