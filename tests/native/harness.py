"""Runs the compiled pipeline over bytes: a node, an lcore and bursts on plain memory.

Every frame lies in an allocation of exactly its size, so that under AddressSanitizer a stage that
reads one byte beyond it is caught.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dataplane.native import abi
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable

_Structure = TypeVar("_Structure", bound=ctypes.Structure)
TIME = abi.Time(tsc=1, boot_ds=1000)


@dataclass(frozen=True)
class Frame:
    """One packet to run: bytes, where it came in, and what a NIC or a capture adds."""

    data: bytes
    port: abi.Port = abi.Port.OUTSIDE
    flags: int = 0
    length: int | None = None
    """Bytes on the wire; None: all that is in ``data``."""


class Harness:
    """A node of ``lcores`` lcores of which this is number ``index``; a context manager."""

    def __init__(self, library: ctypes.CDLL, *, lcores: int = 1, index: int = 0) -> None:
        self.library = library
        self.policy = PolicyTable(library)
        self.policy.build(bytes(KEY_BYTES))
        self.stats = page_aligned(abi.LcoreStats)
        self.node = abi.Node(
            policy=self.policy.address,
            lcore_count=lcores,
            boot_ds=TIME.boot_ds,
            ns_per_tsc_q24=1 << 24,
        )
        self.node.owner_key[:] = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
        self.lcore = abi.Lcore(
            node=ctypes.addressof(self.node), stats=ctypes.addressof(self.stats), index=index
        )
        self.burst = page_aligned(abi.Burst)
        self.time = abi.Time(tsc=TIME.tsc, boot_ds=TIME.boot_ds)
        self.keeps_frames = False
        self._memory: list[int] = []

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *_: object) -> None:
        self.keeps_frames = False
        self.free()
        self.policy.close()

    def set_mode(self, reason: abi.Reason, mode: abi.Mode, profile: int = 0) -> None:
        """The mode of one reason; others keep their default."""
        self.policy.profile(profile).mode[reason] = mode

    def use_policy(self, fill: Callable[[PolicyTable], None], targets_max: int = 64) -> None:
        """Put another policy in force, as `fill` fills it."""
        table = PolicyTable(self.library, targets_max)
        fill(table)
        table.build(bytes(KEY_BYTES))
        old, self.policy = self.policy, table
        self.node.policy = table.address
        old.close()

    def give_outbox(self) -> abi.Outbox:
        """Let stages send frames of their own; `sent` takes them."""
        self.keeps_frames = True
        self.outbox = abi.Outbox()
        self.lcore.outbox = ctypes.addressof(self.outbox)
        self._own = [(ctypes.c_uint8 * abi.OWN_FRAME_MAX)() for _ in range(abi.OUTBOX_BUFFERS)]
        self._fill_outbox()
        return self.outbox

    def sent(self) -> tuple[list[tuple[abi.Packet, bytes]], list[tuple[abi.Packet, bytes]]]:
        """What stages have sent since the last call, with its bytes as they are now.

        Frames of their own, and packets that were held.
        """
        outbox = self.outbox
        own = self._copied(outbox.own[: outbox.own_count])
        released = self._copied(outbox.released[: outbox.released_count])
        outbox.own_count = outbox.released_count = 0
        self._fill_outbox()
        return own, released

    def _copied(self, packets: Sequence[abi.Packet]) -> list[tuple[abi.Packet, bytes]]:
        return [(abi.Packet.from_buffer_copy(one), self.bytes_of(one)) for one in packets]

    def _fill_outbox(self) -> None:
        for index, memory in enumerate(self._own):
            buffer = self.outbox.buffer[index]
            buffer.data = ctypes.addressof(memory)
        self.outbox.buffer_count = len(self._own)

    def listen(self) -> tuple[abi.RingProducer, abi.RingConsumer]:
        """Give the lcore an event ring with a listener."""
        self.events = abi.RingProducer(), abi.RingConsumer()
        self.lcore.events = ctypes.addressof(self.events[0])
        self.lcore.events_consumer = ctypes.addressof(self.events[1])
        return self.events

    def run(self, frames: Iterable[Frame | bytes]) -> list[abi.Packet]:
        """Run a burst of at most 32 frames; the descriptors afterwards, their bytes still there."""
        self.fill(frames)
        self.library.sb_pipeline_run(*self._arguments())
        return list(self.burst.packets[: self.burst.count])

    def run_one(self, frame: Frame | bytes) -> abi.Packet:
        """Run a burst of one."""
        return self.run([frame])[0]

    def resume(self) -> list[abi.Packet]:
        """Run what is in the burst through the stages behind OWNER."""
        self.library.sb_pipeline_resume(*self._arguments())
        return list(self.burst.packets[: self.burst.count])

    def fill(self, frames: Iterable[Frame | bytes]) -> None:
        """Put frames into the burst as their receiver would; everything else in it is garbage."""
        self.free()
        ctypes.memset(ctypes.byref(self.burst), 0xA5, ctypes.sizeof(self.burst))
        plain = [f if isinstance(f, Frame) else Frame(f) for f in frames]
        self.burst.count = len(plain)
        for packet, frame in zip(self.burst.packets, plain, strict=False):
            packet.data = self._copy(frame.data)
            packet.length = len(frame.data) if frame.length is None else frame.length
            packet.available = len(frame.data)
            packet.flags = frame.flags
            packet.port = frame.port

    def reset_stats(self) -> None:
        """All counters to zero."""
        ctypes.memset(ctypes.byref(self.stats), 0, ctypes.sizeof(self.stats))

    def bytes_of(self, packet: abi.Packet) -> bytes:
        """The bytes of a packet as they are now."""
        return ctypes.string_at(packet.data, packet.available)

    def free(self) -> None:
        """Free the frames of the last burst, unless something may hold one."""
        if self.keeps_frames:
            return
        for address in self._memory:
            _libc().free(address)
        self._memory.clear()

    def _copy(self, data: bytes) -> int:
        address: int = _libc().malloc(len(data))
        ctypes.memmove(address, data, len(data))
        self._memory.append(address)
        return address

    def _arguments(self) -> Sequence[int]:
        return [ctypes.addressof(part) for part in (self.lcore, self.burst, self.time)]


def page_aligned(kind: type[_Structure]) -> _Structure:
    """A zeroed structure on a page boundary, which ctypes alone does not give."""
    memory = mmap.mmap(-1, -(-ctypes.sizeof(kind) // abi.PAGE) * abi.PAGE)
    return kind.from_buffer(memory)


@functools.cache
def _libc() -> ctypes.CDLL:
    # The process's own malloc: AddressSanitizer's where it is preloaded.
    libc = ctypes.CDLL(None)
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free.restype = None
    return libc
