"""Input of users and clients: list files, numbers in JSON, schema of a network, misspelt names."""
