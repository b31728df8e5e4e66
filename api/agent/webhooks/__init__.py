"""Delivers events to the receivers in ``secbeat.toml``, signed according to Standard Webhooks.

Each receiver has a thread of its own (`courier`), so none delays another. Due deliveries and the
times of their next attempts are in ``events.db``.
"""
