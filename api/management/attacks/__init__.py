"""Attacks on protected hosts: active ones, past ones, and their sample packets."""
