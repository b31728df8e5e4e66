"""The fleet's entries on this node's lists: written through port 9999, with the origin
``fleet``."""
