"""``secbeat blacklist`` and ``secbeat allowlist``."""
