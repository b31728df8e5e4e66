"""Replay: runs captures through the packet path, without ports and without a node."""
