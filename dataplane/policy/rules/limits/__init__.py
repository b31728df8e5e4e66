"""Rules that limit rates."""
