"""Labs for tests."""
