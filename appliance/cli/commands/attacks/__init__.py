"""``secbeat attacks`` and ``secbeat events``."""
