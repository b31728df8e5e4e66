"""The node's client of the orchestrator: the connection, the node's key, enrolment."""
