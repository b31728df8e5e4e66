"""``events.db``: the recorded past of a node. The agent writes it, the management API reads it.

This package has only schema and migrations; `api.agent.recording` records.
"""
