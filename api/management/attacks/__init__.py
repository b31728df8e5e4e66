"""Attacks on what the node protects: active ones, past ones, and the evidence."""
