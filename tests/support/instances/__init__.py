"""Labs as tests use them."""
