"""The fleet of a lab: its orchestrator, and the nodes that it has had made."""
