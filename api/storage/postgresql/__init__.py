"""A database in PostgreSQL, which the workers of several orchestrators share."""

from api.storage.postgresql.engine import Database

__all__ = ["Database"]
