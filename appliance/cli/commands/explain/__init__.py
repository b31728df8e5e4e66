"""What would happen to a packet now, and why."""
