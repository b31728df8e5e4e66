"""Blacklist and allowlist: the common part of the node's API and the fleet's: bodies,
lines, keys."""
