"""Benchmarks of the packet path: cycles per packet compared with testpmd, memory, and the delay of
a ban."""
