"""Reads the state log, updates the tables to match it, and publishes what is in force."""
