"""Reads the state log, makes the tables what it says, and publishes what is in force."""
