"""Webhooks according to Standard Webhooks: permitted targets, messages, signatures, delivery.

Due messages are in the database of the sending process: the agent's ``events.db``, or the
orchestrator's database.
"""
