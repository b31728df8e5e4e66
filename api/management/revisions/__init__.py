"""Revisions: numbered changes, from ``node.db`` through the state log to the data plane."""
