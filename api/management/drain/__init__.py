"""Draining: the node says that it is not ready, so that whoever sends traffic sends it elsewhere.

It forwards what still comes, under the same rules. It is a state that somebody has asked for, kept
until it is taken back, over every restart.
"""
