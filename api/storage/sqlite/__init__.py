"""A database in one SQLite file: WAL, ``synchronous=FULL``, one process that writes it."""

from api.storage.sqlite.engine import Database

__all__ = ["Database"]
