"""Rules about what kind of packet comes in."""
