"""Inputs and answers as values, made for tests."""
