"""Removal in bulk: by networks, reason, creator or origin; one revision, one audit row."""
