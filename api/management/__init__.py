"""The management API on port 9999: the only writer of ``node.db`` and of the state log."""
