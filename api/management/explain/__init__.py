"""``/explain``: the verdict on a packet now, and its reasons."""
