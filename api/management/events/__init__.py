"""Events of the node: in pages, or as a stream."""
