"""HTTP inspection beside what others do with the same requests."""
