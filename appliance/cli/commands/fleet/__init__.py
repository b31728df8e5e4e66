"""``secbeat fleet``: what the orchestrator of a fleet is asked for."""
