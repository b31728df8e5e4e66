"""The country of every address, as the packet path looks it up.

Built by one thread, then only read: by the country stage, at ``address``. Whoever swaps
``abi.Node.countries`` closes the old one after every worker has gone on
(`dataplane.country_reload`).
"""

from __future__ import annotations

import ctypes
import os
from typing import Self

from dataplane import abi
from dataplane.errors import NativeError

RANGE_BYTES = ctypes.sizeof(abi.CountryRange)


class CountryTable:
    """The native table of both families. A context manager; ``close()`` may be called again.

    ``records``: ``abi.CountryRange`` one behind the other, the IPv4 ones first; each family
    ascending, its first from address 0, at most ``abi.COUNTRY_RANGES_MAX``. Raises NativeError
    (EINVAL, ENOMEM, ENOSPC: more than 64 MiB for a family).
    """

    def __init__(self, library: ctypes.CDLL, records: bytes, ipv4_count: int) -> None:
        self._address = 0
        self._library = _declare(library)
        count = len(records) // RANGE_BYTES
        if not 0 <= ipv4_count <= count:
            raise ValueError(f"{ipv4_count} IPv4 ranges of {count}")
        start = ctypes.cast(ctypes.c_char_p(records), ctypes.c_void_p).value or 0
        behind = start + ipv4_count * RANGE_BYTES
        out = ctypes.c_void_p()
        result = library.sb_countries_create(
            start, ipv4_count, behind, count - ipv4_count, ctypes.byref(out)
        )
        if result < 0:
            what = f"countries of {ipv4_count} IPv4 and {count - ipv4_count} IPv6 ranges"
            raise NativeError(f"{what}: {os.strerror(-result)}", -result)
        self._address = out.value or 0

    @property
    def address(self) -> int:
        """Address of the native object, for ``abi.Node.countries``; ValueError after close."""
        if not self._address:
            raise ValueError("countries: used after close()")
        return self._address

    def close(self) -> None:
        """Free it; no worker may be reading it any more."""
        if self._address:
            self._library.sb_countries_destroy(self._address)
            self._address = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def find(self, address: bytes) -> int:
        """The country of an address (16 bytes, IPv4 mapped): 0 to ``abi.COUNTRY_MAX``."""
        return int(self._library.sb_countries_find(self.address, address))

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return int(self._library.sb_countries_bytes(self.address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
    for name, restype, argtypes in (
        ("sb_countries_create", ctypes.c_int, [pointer, u32, pointer, u32, pointer]),
        ("sb_countries_destroy", None, [pointer]),
        ("sb_countries_find", u32, [pointer, ctypes.c_char_p]),
        ("sb_countries_bytes", ctypes.c_uint64, [pointer]),
    ):
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = argtypes
    return library
