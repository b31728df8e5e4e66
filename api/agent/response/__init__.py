"""Carries out what a policy wants done about an attack: bans and overlays, through port 9999.

The agent has a key of its own for that, and no other way to change anything. Everything that it
does has an end of its own, so that nothing stays if the agent does not come back.
"""
