"""``events.db``: how it is written, what an event is, and how much is kept."""
