"""Servers of the tests, as they are deployed."""
