"""Bindings of the DPDK functions that the control loop calls, one module per DPDK library.

Functions are looked up in libsecbeat's own handle: the dynamic linker searches what it was linked
with, so no version of DPDK is named here. Only exported functions with stable, scalar signatures
are bound; DPDK's versioned structures stay behind ``fastpath/ports.c``. Every module declares
``argtypes`` and ``restype`` at its foot. Nothing here is called per packet.
"""
