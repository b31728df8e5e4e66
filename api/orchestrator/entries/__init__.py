"""The fleet's blacklist and allowlist: in force on every node, beside each node's own entries."""
