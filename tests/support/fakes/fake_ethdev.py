"""A fake of DPDK's Ethernet devices; a test sets their capabilities."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

_ENODEV = 19


class FakeEthdev:
    """In place of libsecbeat: every function returns 0, except those that look up a device."""

    def __init__(
        self, devices: tuple[str, ...], *, driver: str = "net_virtio", queues: int = 1
    ) -> None:
        """``devices``: the names of the existing devices, as EAL uses them."""
        self.devices = devices
        self.driver = driver
        self.queues = queues
        self._functions: dict[str, Callable[..., Any]] = {
            "rte_eth_dev_get_port_by_name": self._find,
            "sb_port_limits": self._limits,
            "rte_strerror": lambda number: os.strerror(number).encode(),
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = self.__dict__["_functions"].get(name, lambda *_: 0)
        function = _Function(known)
        self.__dict__[name] = function
        return function

    def _find(self, name: bytes, number: ctypes.c_uint16) -> int:
        if name.decode() not in self.devices:
            return -_ENODEV
        number.value = self.devices.index(name.decode())
        return 0

    def _limits(self, _port: int, raw: Any) -> int:
        raw.rx_queues_max = raw.tx_queues_max = self.queues
        raw.mtu_min, raw.mtu_max, raw.driver = 68, 9600, self.driver.encode()
        return 0


class _Function:
    """A function whose types can be declared, as in ctypes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)
