"""Blacklist and allowlist: the rules of both, independent of HTTP."""
