"""What every HTTP service of SecBeat has in common."""
