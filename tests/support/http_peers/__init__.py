"""Clients and origins of HTTP whose every byte a test chooses or sees."""
