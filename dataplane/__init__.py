"""The packet path and the processes that drive it. No HTTP, no SQL."""
