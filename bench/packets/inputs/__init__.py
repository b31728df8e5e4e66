"""The inputs of the benchmarks: policies, prefixes of countries, and traffic, always the same."""
