"""Reporting: heartbeats, their content, and incidents that are not acknowledged yet."""
