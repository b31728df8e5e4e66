"""Rules about HTTP: requests, and connections that carry them."""
