"""The parts of requests and answers: address, body, parameters, streams."""
