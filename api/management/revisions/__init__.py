"""Revisions: numbered changes, on their way from ``node.db`` over the state log to the packets."""
