"""Clients, honest and not, most in processes of their own."""
