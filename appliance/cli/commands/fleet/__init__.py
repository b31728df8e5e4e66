"""``secbeat fleet``: commands that send requests to the orchestrator of a fleet."""
