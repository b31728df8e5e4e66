"""Namespaces, links, and programs in them."""
