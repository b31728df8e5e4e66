"""WAF rules on a harness: slots, databases compiled here, and requests scanned in C."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataplane.native import abi
from dataplane.tables.waf_table import WafImage, WafSet, WafTable, header_name
from dataplane.waf.compiling.engine import Engine, Expression
from dataplane.waf.compiling.expressions import FLAGS
from tests.native.harness import Harness

HITS_MAX = 64


class Place(ctypes.Structure):
    """struct sb_waf_place."""

    _fields_ = (
        ("target", ctypes.c_uint8),
        ("form", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 2),
        ("end", ctypes.c_uint32),
    )


class Request(ctypes.Structure):
    """struct sb_waf_request."""

    _fields_ = (
        ("lcore", ctypes.c_uint64),
        ("now_ds", ctypes.c_uint32),
        ("profile", ctypes.c_uint16),
        ("form", ctypes.c_uint8),
        ("block_mode", ctypes.c_uint8),
        ("hit_count", ctypes.c_uint32),
        ("more", ctypes.c_uint32),
        ("block", ctypes.c_uint32),
        ("block_place", Place),
        ("place", Place),
        ("hit", ctypes.c_uint32 * HITS_MAX),
    )

    def hits(self) -> list[int]:
        return sorted(self.hit[: self.hit_count])


@dataclass(frozen=True)
class Pattern:
    """What is compiled under a slot."""

    slot: int
    text: str


class Scanner:
    """Scans requests on a harness's lcore, as the HTTP stage does."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.library = library = harness.library
        pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
        library.sb_waf_begin.argtypes = [pointer, pointer, ctypes.c_uint16, pointer]
        library.sb_waf_begin.restype = None
        library.sb_waf_scan.argtypes = [pointer, u32, u32, pointer, u32]
        library.sb_waf_end.argtypes = [pointer]
        library.sb_waf_end.restype = ctypes.c_bool
        library.sb_waf_is_ready.argtypes = [pointer]
        library.sb_waf_is_ready.restype = ctypes.c_bool
        library.sb_waf_classes.argtypes = [pointer]
        library.sb_waf_classes.restype = u32

    def begin(self, profile: int = 0) -> Request:
        request = Request()
        self.harness.lcore.policy = self.harness.node.policy  # as a burst begins
        lcore, now = ctypes.byref(self.harness.lcore), ctypes.byref(self.harness.time)
        self.library.sb_waf_begin(ctypes.byref(request), lcore, profile, now)
        return request

    def scan(
        self,
        request: Request,
        data: bytes,
        target: abi.WafClass = abi.WafClass.ANY,
        name: str = "",
    ) -> int:
        """Under a sanitizer a byte read beyond the data is caught: it has just its size."""
        memory = (ctypes.c_char * len(data)).from_buffer_copy(data) if data else None
        number = header_name(self.library, name) if name else 0
        return int(
            self.library.sb_waf_scan(ctypes.byref(request), target, number, memory, len(data))
        )

    def end(self, request: Request) -> bool:
        return bool(self.library.sb_waf_end(ctypes.byref(request)))

    def hits(
        self, data: bytes, target: abi.WafClass = abi.WafClass.ANY, name: str = "", profile: int = 0
    ) -> list[int]:
        """Slots that one scan hits."""
        request = self.begin(profile)
        assert self.scan(request, data, target, name) == 0
        return request.hits()

    def classes(self) -> int:
        return int(self.library.sb_waf_classes(ctypes.byref(self.begin())))

    @property
    def is_ready(self) -> bool:
        return bool(self.library.sb_waf_is_ready(ctypes.byref(self.harness.lcore)))


class Waf(Scanner):
    """A harness with slots, and sets that are compiled in this process."""

    def __init__(self, harness: Harness) -> None:
        super().__init__(harness)
        self.table = WafTable(harness.library)
        harness.lcore.waf = self.table.address
        self.engine = Engine()
        self.set: WafSet | None = None
        self.images: list[WafImage] = []

    def image(self, patterns: Iterable[Pattern]) -> WafImage:
        expressions = [Expression(one.text.encode(), FLAGS, one.slot) for one in patterns]
        with self.engine.database(expressions) as database:
            data = self.engine.image(database)
        return image_of(self.library, data)

    def use(
        self,
        databases: Sequence[tuple[abi.WafClass, Sequence[Pattern]]],
        *,
        is_ready: bool = True,
    ) -> None:
        """Put these databases in force; what they replace is freed at once: nobody runs."""
        made = WafSet(self.library, 1)
        images = [(target, self.image(patterns)) for target, patterns in databases]
        for target, image in images:
            made.add(target, image)
        made.build(self.set, is_ready=is_ready)
        self.harness.node.waf_set = made.address
        self._free()
        self.set, self.images = made, [image for _, image in images]

    def put(self, slot: int, **changes: object) -> None:
        """A rule that blocks, enabled and without end, but for the changes."""
        self.table.put([rule(slot, **changes)])

    def close(self) -> None:
        self.harness.node.waf_set = 0
        self._free()
        self.table.close()

    def _free(self) -> None:
        if self.set is not None:
            self.set.close()
        for image in self.images:
            image.close()
        self.set, self.images = None, []


def rule(slot: int, **changes: object) -> abi.WafRule:
    made = abi.WafRule(
        slot=slot,
        number=slot + 1,
        deadline_ds=abi.DEADLINE_NEVER,
        action=abi.WafAction.BLOCK,
        is_enabled=1,
    )
    for name, value in changes.items():
        if isinstance(value, (list, tuple)):
            getattr(made, name)[: len(value)] = value
            setattr(made, f"{name}_count", len(value))
        else:
            setattr(made, name, value)
    return made


def image_of(library: ctypes.CDLL, data: bytes) -> WafImage:
    made = WafImage(library, len(data))
    made.part(0, len(data)).raw = data
    assert zlib.crc32(made.part(0, len(data))) == zlib.crc32(data)
    made.seal()
    return made


def database_path(directory: Path) -> Path:
    """The one database file there is."""
    (found,) = directory.glob("*.db")
    return found
