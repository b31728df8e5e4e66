"""Benchmarks of packets, bans and lists: ``python -m bench`` (``make bench``), see
bench/README.md."""
