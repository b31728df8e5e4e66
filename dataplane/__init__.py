"""The packet path and what drives it: no HTTP, no SQL."""
