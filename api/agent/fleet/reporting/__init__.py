"""Reporting: heartbeats, what they say, and incidents that are still to be told."""
