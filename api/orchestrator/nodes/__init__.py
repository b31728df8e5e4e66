"""Nodes: how they enrol, what they say of themselves, and what is known of them."""
