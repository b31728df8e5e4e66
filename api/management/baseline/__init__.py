"""The baseline of profiles, as the agent has recorded it."""
