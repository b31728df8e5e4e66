"""The agent's control socket, for requests of the API and the command line."""
