"""The ``secbeat`` command and the entry points of the node's processes."""
