"""The node's side of a fleet: enrols, reports the node's status, applies what the orchestrator
wants.

The node opens all connections; the orchestrator never connects to a node. While the orchestrator is
away, the node continues with its present state.
"""
