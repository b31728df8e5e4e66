"""The agent's control socket: what the API and the command line ask it."""
