"""Input of users and clients: list files, JSON, byte order marks, numbers, schema of a network,
misspelt names."""
