"""Recording into ``events.db``: incidents, events, and their deliveries.

One thread writes (`recorder`). A transaction holds an incident, its events and their deliveries.
"""
