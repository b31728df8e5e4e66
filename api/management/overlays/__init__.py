"""What is laid over the policy for a time: panic mode, and responses to attacks."""
