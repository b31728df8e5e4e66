"""Cycles per packet: ``python -m bench.run [--json FILE]`` (``make bench``)."""
