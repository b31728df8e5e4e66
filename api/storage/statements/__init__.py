"""Statements in the form that all kinds of databases need: claims, upserts, long ones."""
