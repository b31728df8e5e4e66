"""The client of the APIs for commands: sessions, keys, errors."""
