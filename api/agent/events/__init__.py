"""What the agent does with the events of the data plane."""
