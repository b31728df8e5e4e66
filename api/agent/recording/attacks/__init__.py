"""Attacks: seen in the data plane's table, kept as incidents, with samples of their packets."""
