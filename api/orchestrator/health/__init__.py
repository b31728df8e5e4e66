"""Whether the orchestrator answers, and whether it can do its work."""
