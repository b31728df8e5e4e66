"""``node.db``: its tables and migrations. The API is its only writer and only reader."""
