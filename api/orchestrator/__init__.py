"""The orchestrator API on port 3030: the desired state of a fleet of nodes, and the nodes' status.

It stores the fleet's desired state, which the nodes fetch. It never connects to a node, and uses no
data plane.
"""
