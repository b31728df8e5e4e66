"""Heartbeats of the nodes, every ten seconds."""
