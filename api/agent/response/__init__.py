"""Carries out the responses that a policy wants to an attack: bans and overlays, through port 9999.

The agent uses a key of its own, and changes the node in no other way. Every change has an expiry,
so that nothing stays if the agent does not return.
"""
