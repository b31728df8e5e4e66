"""Blacklist and allowlist as the node's API and the fleet's both have them: bodies, lines, keys."""
