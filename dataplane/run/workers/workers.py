"""The worker lcores: their structures, their launch, their end, and their heartbeats.

Builds ``sb_node``, one ``sb_lcore`` each, and the hand-over rings in DPDK's memory before the
launch. Afterwards it writes only the words that ``abi.h`` marks for it. It does not depend on
settings, sockets or lists: a benchmark runs workers with it on its own ports.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dataplane.dpdk.lcore import Lcore
from dataplane.dpdk.memory import Memory
from dataplane.native import abi
from dataplane.run.workers.threads import WorkerThreads
from dataplane.tables.syn_proxy_table import protected_now

_Q24 = 1 << 24


@dataclass(frozen=True)
class WorkerPlan:
    """EAL's lcore numbers of the workers, DPDK's port numbers (outside, inside), the TSC's rate."""

    lcore_ids: Sequence[int]
    port_ids: tuple[int, int]
    tsc_hz: int
    owner_key: tuple[int, int]
    """Random at each start, so that attackers can't choose the lcore that owns a client."""
    handover_slots: int = abi.HANDOVER_SLOTS
    """Packets in transit from one lcore to another; a power of two."""


class Workers:
    """The node and its lcores; ``memory`` must outlive them.

    The caller sets ``node.lists`` and ``node.policy`` before ``launch``.
    """

    def __init__(
        self, library: ctypes.CDLL, memory: Memory, plan: WorkerPlan, stats: Sequence[int]
    ) -> None:
        """``stats``: address of an ``abi.LcoreStats`` for each lcore."""
        self._library = _declare(library)
        self.node = memory.structure(abi.Node)
        self.node.lcore_count = len(plan.lcore_ids)
        self.node.owner_key[:] = list(plan.owner_key)
        self.node.ns_per_tsc_q24 = round(1e9 * _Q24 / plan.tsc_hz)
        self.lcores = [memory.structure(abi.Lcore) for _ in plan.lcore_ids]
        self._stats = [abi.LcoreStats.from_address(address) for address in stats]
        self._eal_lcores = [Lcore(library, lcore_id) for lcore_id in plan.lcore_ids]
        self.threads = WorkerThreads(plan.lcore_ids)
        for index, lcore in enumerate(self.lcores):
            lcore.node = ctypes.addressof(self.node)
            lcore.stats = stats[index]
            lcore.index = index
            lcore.port_id[:] = list(plan.port_ids)
        self._connect(memory, plan.handover_slots)

    def _connect(self, memory: Memory, slots: int) -> None:
        size = self._library.sb_handover_size()
        for source in self.lcores:
            for target in self.lcores:
                if source is not target:
                    ring = memory.zeroed(size)
                    self._library.sb_handover_init(ring, slots)
                    source.handover_out[target.index] = ring
                    target.handover_in[source.index] = ring

    def give_outboxes(self, memory: Memory, pool: int) -> None:
        """Let stages send frames of their own, from buffers of a ``struct rte_mempool *``."""
        for lcore in self.lcores:
            lcore.outbox = ctypes.addressof(memory.structure(abi.Outbox))
            lcore.pool = pool

    @property
    def pages(self) -> Sequence[abi.LcoreStats]:
        """The statistics pages, by index."""
        return self._stats

    @property
    def readers_address(self) -> int:
        """Address of the quiescent counters, for tables that free memory while workers run."""
        return ctypes.addressof(self.node.readers)

    def launch(self) -> None:
        """Start polling; from now on the workers own rx, tx and their statistics."""
        self.node.stop = 0
        self.node.readers.count = len(self.lcores)
        for lcore, eal_lcore in zip(self.lcores, self._eal_lcores, strict=True):
            eal_lcore.launch("sb_worker_main", ctypes.addressof(lcore))

    def stop(self) -> None:
        """Ask the workers to finish their received packets and return."""
        self.node.stop = 1

    def running(self) -> bool:
        """Whether a worker has not returned yet."""
        return any(lcore.running() for lcore in self._eal_lcores)

    def join(self, timeout_s: float) -> bool:
        """After ``stop``: wait until all have returned; False: one has not returned in time."""
        end = time.monotonic() + timeout_s
        while self.running():
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        self.node.readers.count = 0
        return True

    def listen(self, index: int, consumer: int) -> None:
        """Replace an lcore's ``sb_ring_consumer`` of events; 0: no client."""
        self.lcores[index].events_consumer = consumer

    def heartbeats(self) -> tuple[int, ...]:
        """Number of turns of each loop."""
        return tuple(stats.heartbeat for stats in self._stats)

    def cycles(self) -> tuple[int, int]:
        """(busy, total) of all lcores since launch."""
        return (
            sum(stats.busy_cycles for stats in self._stats),
            sum(stats.total_cycles for stats in self._stats),
        )

    def latency(self) -> tuple[int, int]:
        """(packets, sum of nanoseconds) of all lcores since launch."""
        return (
            sum(stats.latency.count for stats in self._stats),
            sum(stats.latency.sum_ns for stats in self._stats),
        )

    def request_latency(self) -> tuple[int, int]:
        """(HTTP requests transmitted, sum of nanoseconds) of all lcores since launch."""
        return (
            sum(stats.request_latency.count for stats in self._stats),
            sum(stats.request_latency.sum_ns for stats in self._stats),
        )

    def traffic(self) -> tuple[int, int, int, int, int]:
        """Since launch: packets received and their bytes, packets forwarded, consumed
        and dropped."""
        ports = [port for stats in self._stats for port in stats.port]
        return (
            sum(port.received for port in ports),
            sum(port.received_bytes for port in ports),
            sum(port.forwarded for port in ports),
            sum(port.consumed for port in ports),
            sum(sum(port.dropped) for port in ports),
        )

    def protected(self) -> Sequence[tuple[int, Sequence[abi.Protected]]]:
        """For each lcore, the number of addresses for which the SYN proxy is on, and the first
        ones."""
        found = []
        for lcore in self.lcores:
            if lcore.syn_proxy:
                shown = (abi.Protected * abi.PROTECTED_SHOWN)()
                count = protected_now(self._library, lcore.syn_proxy, shown)
                found.append((count, shown[: min(count, len(shown))]))
        return found

    def requests(self) -> int:
        """HTTP requests of all lcores since launch."""
        return sum(stats.http.requests for stats in self._stats)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.sb_handover_init.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.sb_handover_init.restype = None
    library.sb_handover_size.argtypes = []
    library.sb_handover_size.restype = ctypes.c_uint64
    return library
