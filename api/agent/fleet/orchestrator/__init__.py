"""The orchestrator, as the node meets it: the connection, the node's key, enrolment."""
