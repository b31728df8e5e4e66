"""Draining: the node reports that it is not ready, so that load balancers send traffic elsewhere.

The node still forwards all packets under the same rules. Draining is a requested state: each change
is a revision, and the state survives restarts until it is revoked. The data plane decides how far
the drain is (`dataplane.run.links.drain`).
"""
