"""Storage of the APIs: databases, migrations, and the detection of storage that can't be written.

`api.storage.sqlite` has what only SQLite needs; the rest is independent of the database.
"""
