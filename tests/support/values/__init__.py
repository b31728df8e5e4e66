"""Inputs and answers for tests, as values."""
