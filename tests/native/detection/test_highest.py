"""The highest counts of any one address of a profile, which the baseline is made of."""

from __future__ import annotations

import ctypes
from ipaddress import IPv4Address

from dataplane.detection.collector import COLLECT_MS, KEY_BYTES, Collector
from dataplane.detection.traffic import Window
from dataplane.native.abi import TrafficKind
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable
from tests.native.connections.connections_support import OUTSIDE, SERVER, Pair
from tests.native.harness import Frame, Harness

START_MS = 100_000


def datagrams(count: int, server: IPv4Address, size: int) -> list[Frame]:
    pair = Pair(client=server + 0x10000, server=server)
    return [pair.udp(OUTSIDE, size) for _ in range(count)]


def test_each_count_is_the_highest_of_an_address_by_itself(harness: Harness) -> None:
    key, lcores = bytes(range(TRAFFIC_KEY_BYTES)), [ctypes.addressof(harness.lcore)]
    with TrafficTable(harness.library, 1024, key, (53,)) as table:
        harness.lcore.traffic = table.address
        with Collector(harness.library, lcores, [table], bytes(range(KEY_BYTES))) as collector:
            windows = list(run(harness, collector))
        harness.lcore.traffic = 0
    both, none = windows
    highest, summed = both.highest[0], both.profiles[0].window
    assert (highest[TrafficKind.UDP], summed[TrafficKind.UDP]) == (9, 13)
    assert 4 * 1000 < highest.bytes < summed.bytes
    assert none.highest == {}


def run(harness: Harness, collector: Collector) -> list[Window]:
    """Few large ones to one address, more small ones to another; then nothing."""
    harness.time.boot_ds = START_MS // 100
    collector.collect(START_MS)
    harness.run([*datagrams(4, SERVER, 1000), *datagrams(9, SERVER + 1, 10)])
    return [collector.collect(START_MS + COLLECT_MS), collector.collect(START_MS + 3000)]
