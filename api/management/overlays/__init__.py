"""The overlays of the policy: panic mode, and responses to attacks."""
