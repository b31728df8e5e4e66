"""librte_eal, launch: starts a C function on a worker lcore, and checks whether it has returned."""

from __future__ import annotations

import ctypes

from dataplane.dpdk.eal import error_of

_STATE_WAIT = 0  # enum rte_lcore_state_t


class Lcore:
    """One worker lcore of EAL, by its EAL number.

    There is no blocking wait: Python runs no signal handler during ``rte_eal_wait_lcore``.
    """

    def __init__(self, library: ctypes.CDLL, lcore_id: int) -> None:
        self._library = _declare(library)
        self.lcore_id = lcore_id

    def launch(self, function: str, argument: int) -> None:
        """Start the library's ``int function(void *)`` on this lcore, with an address
        as argument."""
        address = ctypes.cast(getattr(self._library, function), ctypes.c_void_p)
        error = self._library.rte_eal_remote_launch(address, argument, self.lcore_id)
        if error != 0:
            raise error_of(self._library, f"lcore {self.lcore_id} can't be launched", error)

    def running(self) -> bool:
        """Whether the launched function has not returned yet."""
        return int(self._library.rte_eal_get_lcore_state(self.lcore_id)) != _STATE_WAIT


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rte_eal_remote_launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
    library.rte_eal_remote_launch.restype = ctypes.c_int
    library.rte_eal_get_lcore_state.argtypes = [ctypes.c_uint]
    library.rte_eal_get_lcore_state.restype = ctypes.c_int
    return library
