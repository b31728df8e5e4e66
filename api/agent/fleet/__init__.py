"""The node's side of a fleet: it enrols, says how it is, and follows what the orchestrator wants.

The node always asks. The orchestrator never reaches it, and while that is away the node goes on
with what it has.
"""
