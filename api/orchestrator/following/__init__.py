"""What a node is to enforce, as it asks for it: one small document, and the parts it names."""
