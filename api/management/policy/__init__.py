"""The policy of the node and its history."""
