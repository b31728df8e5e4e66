"""What nodes say of themselves, every ten seconds."""
