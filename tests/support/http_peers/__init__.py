"""HTTP clients and origins with control over every byte."""
