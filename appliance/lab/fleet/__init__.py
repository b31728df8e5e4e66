"""The fleet of a lab: its orchestrator, and the nodes that this has created."""
