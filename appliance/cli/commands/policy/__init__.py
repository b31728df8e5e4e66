"""``secbeat policy``: the policy of a node, and with ``--fleet`` of a fleet."""
