"""Logging and counting of the data plane's events."""
