"""Rules about kinds of packets."""
