"""``events.db``: what has happened on a node. The agent writes it, the management API reads it.

Schema and migrations only; who records what is in `api.agent.recording`.
"""
