"""The fleet's entries on this node's lists: brought there by port 9999, with the origin fleet."""
