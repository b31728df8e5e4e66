"""``secbeat rules``."""
