"""What keeps an API's state: databases, migrations, and trouble with the disk below them.

What only SQLite needs is in `api.storage.sqlite`; the rest depends on no database.
"""
