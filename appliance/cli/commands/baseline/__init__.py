"""``secbeat baseline``."""
