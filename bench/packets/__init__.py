"""The packet path: cycles per packet beside testpmd, memory, and a ban's delay."""
