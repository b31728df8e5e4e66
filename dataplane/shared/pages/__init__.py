"""Reads the statistics pages into plain values; `statsview` has all of them."""
