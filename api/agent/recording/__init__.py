"""What the agent sees, written into ``events.db``: incidents, events, and what is due to whom.

One thread writes (`recorder`), and a transaction holds an incident, its events and their
deliveries, or nothing of them.
"""
