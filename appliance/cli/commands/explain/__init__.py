"""The verdict on a packet, and the reason."""
