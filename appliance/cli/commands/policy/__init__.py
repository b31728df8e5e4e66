"""``secbeat policy``: of a node, and with ``--fleet`` of a fleet."""
