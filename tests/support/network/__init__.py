"""Namespaces, links and what runs in them."""
