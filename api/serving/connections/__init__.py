"""Connections, based on Gunicorn's: limits, checks of heads, the socket of a TLS terminator."""
