"""The desired state of a node, as the node fetches it: one small document, and the
parts it names."""
