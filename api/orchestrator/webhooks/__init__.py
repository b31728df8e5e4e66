"""Tells receivers what happens to the fleet: a node that is dead can't say so itself.

What is due lies in the fleet's database, written in the transaction of what it tells of. Every
worker of every orchestrator delivers; a message is tried by one of them at a time.
"""
