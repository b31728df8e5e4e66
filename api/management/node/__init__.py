"""Status, statistics and health of the node."""
