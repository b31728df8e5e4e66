"""HTTP inspection in plain Python, for comparison with the C code."""
