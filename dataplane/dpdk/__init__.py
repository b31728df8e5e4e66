"""Bindings of the DPDK functions that the control loop calls, one module per DPDK library.

Functions are looked up through libsecbeat's handle: the dynamic linker searches the libraries that
libsecbeat is linked with, so no version of DPDK is named here. Only exported functions with stable,
scalar signatures are bound; DPDK's versioned structures are used only in ``fastpath/ports.c``.
Every module declares ``argtypes`` and ``restype`` at its end. No function here is called per
packet.
"""
