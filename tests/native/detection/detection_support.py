"""A node that counts, and its collector."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dataplane.detection.collector import COLLECT_MS, Collector
from dataplane.detection.traffic import Window
from dataplane.native import abi
from dataplane.native.abi import TrafficKind
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable
from tests.native.connections.connections_support import SERVER
from tests.native.harness import Frame, Harness

REFLECTORS = (53, 123)
START_MS = 100_000
Address = IPv4Address | IPv6Address


@dataclass
class Node:
    """One lcore that counts, and the collector of it; each `tick` is a tenth of a second later."""

    harness: Harness
    table: TrafficTable
    collector: Collector
    now_ms: int = START_MS

    def tick(self, after_ms: int = COLLECT_MS) -> Window:
        self.now_ms += after_ms
        self.harness.node.boot_ds = self.harness.time.boot_ds = self.now_ms // 100
        return self.collector.collect(self.now_ms)

    def run(self, frames: Sequence[Frame]) -> None:
        """In as many bursts as it takes."""
        for first in range(0, len(frames), abi.BURST_MAX):
            self.harness.run(frames[first : first + abi.BURST_MAX])

    def counts(self, address: Address = SERVER) -> dict[TrafficKind, int]:
        """Of one destination, those kinds alone that are not 0."""
        row = self.table.row(key_of(address))
        return (
            {}
            if row is None
            else {kind: row.count[kind] for kind in TrafficKind if row.count[kind]}
        )


def key_of(address: Address) -> bytes:
    """16 bytes, IPv4 mapped."""
    is_ipv4 = isinstance(address, IPv4Address)
    return bytes(10) + b"\xff\xff" + address.packed if is_ipv4 else address.packed


@contextmanager
def counting(harness: Harness, destinations_max: int = 1024) -> Iterator[Node]:
    """Let a harness's lcore count; the collector has run once, so that packets are sampled."""
    key, library = bytes(range(TRAFFIC_KEY_BYTES)), harness.library
    lcore = ctypes.addressof(harness.lcore)
    with (
        TrafficTable(library, destinations_max, key, REFLECTORS) as table,
        attached(harness, table),
        Collector(library, [lcore], [table], bytes(range(16))) as collector,
    ):
        node = Node(harness, table, collector)
        node.tick()
        yield node


@contextmanager
def attached(harness: Harness, table: TrafficTable) -> Iterator[None]:
    """It is the lcore's for a while."""
    harness.lcore.traffic = table.address
    yield
    harness.lcore.traffic = 0
