"""Receivers of webhooks, as the API shows them; what is done with them is the agent's affair."""
