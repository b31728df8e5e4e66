"""The fleet's database: its tables and its migrations."""
