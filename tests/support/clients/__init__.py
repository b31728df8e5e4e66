"""Clients, honest ones and attackers, most of them in their own processes."""
