"""Orchestrators with a thousand simulated nodes."""
