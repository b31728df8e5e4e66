"""``secbeat top``: the present activity of the node."""
