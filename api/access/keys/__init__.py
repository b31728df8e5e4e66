"""API keys: generated at random, stored as SHA-256, compared in constant time."""
