"""``secbeat replay``."""
