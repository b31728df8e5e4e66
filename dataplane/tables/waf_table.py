"""WAF rules in the form of the packet path: slots, databases in memory, and the set in force.

Written by the control loop. Changes of a slot take effect at once. Databases are swapped as a
whole; the code that swaps ``abi.Node.waf_set`` closes the old set after every worker has moved on
(`retired`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from dataplane.native import abi
from dataplane.native.native_table import NativeTable, check, declare


class WafTable(NativeTable):
    """The native slots, for ``abi.Lcore.waf`` of every lcore.

    Raises NativeError (ENOMEM; ENOTSUP: the CPU has no SSE4.2).
    """

    KIND = "waf"

    def __init__(self, library: ctypes.CDLL) -> None:
        super().__init__(_declare(library), "WAF rules")

    def put(self, rules: Sequence[abi.WafRule]) -> None:
        """Assign rules to slots, or change them; takes effect at once. NativeError (EINVAL)."""
        array = (abi.WafRule * len(rules))(*rules)
        check(self._library.sb_waf_put(self.address, array, len(rules)), "WAF rules")

    def remove(self, slots: Sequence[int]) -> None:
        """Clear slots: they match nothing from now on."""
        self._library.sb_waf_remove(
            self.address, (ctypes.c_uint32 * len(slots))(*slots), len(slots)
        )

    @property
    def engine(self) -> str:
        """Version of the scanning engine: databases of another version can't be loaded."""
        return engine_version(self._library)


class WafImage(NativeTable):
    """Memory of one database: filled through `part`, then sealed. NativeError (EINVAL, ENOMEM)."""

    KIND = "waf_image"

    def __init__(self, library: ctypes.CDLL, size: int) -> None:
        super().__init__(_declare(library), f"WAF database of {size} bytes", size)
        self.size = size

    @property
    def bytes_address(self) -> int:
        """Address of the first byte."""
        return int(self._library.sb_waf_image_bytes(self.address))

    def part(self, offset: int, size: int) -> ctypes.Array[ctypes.c_char]:
        """Memory to read a part of a file into, before `seal`."""
        if not 0 <= offset <= offset + size <= self.size:
            raise ValueError(f"{offset} + {size} of an image of {self.size} bytes")
        return (ctypes.c_char * size).from_address(self.bytes_address + offset)

    def seal(self) -> None:
        """Make the memory read-only."""
        check(self._library.sb_waf_image_seal(self.address), "WAF database")


class WafSet(NativeTable):
    """The databases of a set, for ``abi.Node.waf_set``. NativeError (EINVAL, ENOMEM)."""

    KIND = "waf_set"

    def __init__(self, library: ctypes.CDLL, lcore_count: int) -> None:
        super().__init__(_declare(library), f"WAF set of {lcore_count} lcores", lcore_count)

    def add(self, target: abi.WafClass, image: WafImage) -> None:
        """Add a database that outlives the set; NativeError (EINVAL, ENOSPC)."""
        place = image.bytes_address, image.size
        check(self._library.sb_waf_set_add(self.address, target, *place), "WAF database")

    def build(self, before: WafSet | None, *, is_ready: bool) -> None:
        """Call once, after the last database: allocates memory to scan with. NativeError (EINVAL,
        ENOMEM)."""
        address = None if before is None else before.address
        check(self._library.sb_waf_set_build(self.address, address, is_ready), "WAF set")

    @property
    def bytes(self) -> int:
        """Size of its databases."""
        return int(self._library.sb_waf_set_bytes(self.address))


def engine_version(library: ctypes.CDLL) -> str:
    """Version of the scanning engine."""
    return str(_declare(library).sb_waf_engine().decode())


def header_name(library: ctypes.CDLL, name: str) -> int:
    """The number of a header's name in slots."""
    text = name.encode()
    return int(_declare(library).sb_waf_name(text, len(text)))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32, u64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    declare(
        library,
        "waf_image",
        ("create", ctypes.c_int, u64, pointer),
        ("destroy", None, pointer),
        ("bytes", pointer, pointer),
        ("seal", ctypes.c_int, pointer),
    )
    declare(
        library,
        "waf_set",
        ("create", ctypes.c_int, u32, pointer),
        ("destroy", None, pointer),
        ("add", ctypes.c_int, pointer, u32, u64, u64),
        ("build", ctypes.c_int, pointer, pointer, ctypes.c_bool),
        ("bytes", u64, pointer),
    )
    return declare(
        library,
        "waf",
        ("create", ctypes.c_int, pointer),
        ("destroy", None, pointer),
        ("put", ctypes.c_int, pointer, pointer, u32),
        ("remove", None, pointer, pointer, u32),
        ("engine", ctypes.c_char_p),
        ("name", u32, ctypes.c_char_p, u32),
    )
