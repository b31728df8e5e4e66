"""Draining: the node says that it is not ready, so that whoever sends traffic sends it elsewhere.

It forwards what still comes, under the same rules. It is a state that somebody has asked for, a
revision like every change, kept until it is taken back, over every restart. What it waits for is
the data plane's to know (`dataplane.run.links.drain`).
"""
