"""HTTP inspection compared with other products on the same requests."""
