"""What comes with a request and goes with its answer: address, body, parameters, streams."""
