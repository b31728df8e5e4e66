"""Webhooks of the fleet's events, for example of a node that is unreachable.

Messages are stored in the fleet's database, in the transaction of their event. All workers of all
orchestrators deliver; at most one of them tries a message at a time.
"""
