"""The country of every address, for look-ups by the packet path.

One thread builds it; then it is only read: by the country stage, at ``address``. The code that
swaps ``abi.Node.countries`` closes the old table after every worker has moved on
(`dataplane.reconcile.country_reload`).
"""

from __future__ import annotations

import ctypes

from dataplane.native import abi
from dataplane.native.native_table import NativeTable, declare

RANGE_BYTES = ctypes.sizeof(abi.CountryRange)


class CountryTable(NativeTable):
    """The native table of both families, for ``abi.Node.countries``.

    ``records``: consecutive ``abi.CountryRange``, IPv4 first; each family ascending, its first one
    from address 0, at most ``abi.COUNTRY_RANGES_MAX``. Raises NativeError (EINVAL, ENOMEM, ENOSPC:
    more than 64 MiB for a family).
    """

    KIND = "countries"

    def __init__(self, library: ctypes.CDLL, records: bytes, ipv4_count: int) -> None:
        count = len(records) // RANGE_BYTES
        if not 0 <= ipv4_count <= count:
            raise ValueError(f"{ipv4_count} IPv4 ranges of {count}")
        start = ctypes.cast(ctypes.c_char_p(records), ctypes.c_void_p).value or 0
        ipv4 = start, ipv4_count
        ipv6 = start + ipv4_count * RANGE_BYTES, count - ipv4_count
        what = f"countries of {ipv4_count} IPv4 and {count - ipv4_count} IPv6 ranges"
        super().__init__(_declare(library), what, *ipv4, *ipv6)

    def find(self, address: bytes) -> int:
        """The country of an address (16 bytes, IPv4 mapped): 0 to ``abi.COUNTRY_MAX``."""
        return int(self._library.sb_countries_find(self.address, address))

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return int(self._library.sb_countries_bytes(self.address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
    return declare(
        library,
        "countries",
        ("create", ctypes.c_int, pointer, u32, pointer, u32, pointer),
        ("destroy", None, pointer),
        ("find", u32, pointer, ctypes.c_char_p),
        ("bytes", ctypes.c_uint64, pointer),
    )
