"""The policy: what becomes of a packet when a reason hits, and every policy there was before."""
