"""The fleet's database: its tables, and what brings it to the newest schema."""
