"""Blacklist and allowlist: the rules of both, below the web layer."""
