"""Webhooks as Standard Webhooks says: where one may go, what it says, how it is signed and sent.

What is due, and to whom, whoever sends keeps in a database of its own: the agent in ``events.db``,
the orchestrator in the fleet's.
"""
