"""``events.db``: how it is written, the events in it, and the retention."""
