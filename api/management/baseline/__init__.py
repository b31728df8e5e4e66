"""What profiles are used to, as the agent has recorded it."""
