"""Attacks: read from the data plane's table, stored as incidents, with samples of their packets."""
