"""The fleet's policy: its versions, their deployments, and the policy of each node."""
