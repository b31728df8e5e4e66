"""Delivers events to the receivers that ``secbeat.toml`` names, signed as Standard Webhooks says.

Each receiver has a thread of its own (`courier`), so none delays another. What is due, and when it
is tried again, lies in ``events.db``.
"""
