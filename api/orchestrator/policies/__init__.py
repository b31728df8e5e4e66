"""The fleet's policy: its versions, their deployments, and which node is ruled by which."""
