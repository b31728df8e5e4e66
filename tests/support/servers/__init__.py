"""Servers for tests, as they are deployed."""
