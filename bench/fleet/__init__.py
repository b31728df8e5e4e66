"""Benchmarks of orchestrators with many simulated nodes."""
