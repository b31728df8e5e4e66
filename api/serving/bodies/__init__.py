"""Bodies of requests as they arrive, within limits, and streams as they are sent."""
