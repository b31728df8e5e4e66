"""The fleet's rules of the WAF: in force on every node, beside each node's own."""
