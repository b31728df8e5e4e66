"""Rules about how much comes in."""
