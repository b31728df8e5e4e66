"""The orchestrator API on port 3030: what a fleet of nodes is to enforce, and how its nodes are.

It keeps the fleet's desired state and waits for the nodes to come and follow it; it never connects
to a node and knows no data plane.
"""
