"""Threats: attacks on the fleet, put together from what each node has reported."""
