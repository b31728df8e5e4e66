"""``secbeat top``: what the node does right now."""
