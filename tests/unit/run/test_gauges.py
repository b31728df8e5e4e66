"""Busy share, mean latency and memory, from counters and the kernel's figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from dataplane.native import abi
from dataplane.run.loop import gauges
from dataplane.run.loop.gauges import Gauges, memory_bytes
from dataplane.run.workers.workers import Workers
from tests.support.clock import FakeClock

SMAPS = """\
55d0c0a00000-7ffd0c9fe000 ---p 00000000 00:00 0                          [rollup]
Rss:              130072 kB
Pss:               60000 kB
Pss_Anon:          84728 kB
Shared_Hugetlb:     2048 kB
Private_Hugetlb:    4096 kB
Swap:                  0 kB
"""
CLOCK = FakeClock()


class Counters:
    """What is asked of `dataplane.run.workers.workers.Workers`."""

    def __init__(self) -> None:
        self.busy = self.total = self.packets = self.latency_ns = self.inspected = 0
        self.passed = (0, 0, 0, 0, 0)
        self.shielded: list[tuple[int, Sequence[abi.Protected]]] = []

    def cycles(self) -> tuple[int, int]:
        return self.busy, self.total

    def latency(self) -> tuple[int, int]:
        return self.packets, self.latency_ns

    def request_latency(self) -> tuple[int, int]:
        return self.inspected, 3 * self.inspected

    def requests(self) -> int:
        return self.inspected

    def traffic(self) -> tuple[int, int, int, int, int]:
        return self.passed

    def protected(self) -> Sequence[tuple[int, Sequence[abi.Protected]]]:
        return self.shielded


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "memory_bytes", lambda: 7)


def begin() -> tuple[abi.StatsHeader, Counters, Gauges]:
    header, counters = abi.StatsHeader(), Counters()
    return header, counters, Gauges(header, cast(Workers, counters), CLOCK)


def test_busy_is_the_share_of_the_last_interval() -> None:
    header, counters, made = begin()
    counters.busy, counters.total = 900, 1000
    made.update()
    counters.busy, counters.total = 1000, 2000
    made.update()

    assert header.cpu_busy_ppm == 100_000


def test_nothing_counted_is_nothing_not_an_error() -> None:
    header, _, made = begin()
    made.update()

    assert (header.cpu_busy_ppm, header.latency_mean_ns) == (0, 0)


def test_latency_is_the_mean_of_the_last_ten_intervals() -> None:
    header, counters, made = begin()
    counters.packets, counters.latency_ns = 10, 10_000_000
    made.update()
    for _ in range(9):
        made.update()
    assert header.latency_mean_ns == 1_000_000

    counters.packets, counters.latency_ns = 20, 10_000_000 + 50
    made.update()

    assert header.latency_mean_ns == 5


def test_requests_are_those_of_the_last_interval_by_the_clock() -> None:
    header, counters, made = begin()
    for interval_ms, requests, per_second in ((1000, 50, 50.0), (2000, 50, 25.0), (1000, 0, 0.0)):
        CLOCK.pass_ms(interval_ms)
        counters.inspected += requests
        made.update()
        assert header.requests_mps / 1000 == per_second
        assert header.request_latency_mean_ns == 3
    made.update()
    assert header.requests_mps == 0


def test_memory_is_the_proportional_set_and_the_hugepages(tmp_path: Path) -> None:
    (tmp_path / "smaps").write_text(SMAPS, encoding="ascii")

    assert memory_bytes(tmp_path / "smaps") == (60_000 + 2048 + 4096) * 1024


def test_rates_are_those_of_the_last_interval() -> None:
    header, counters, made = begin()
    made.update()
    counters.passed = (3000, 192_000, 2000, 500, 400)
    CLOCK.pass_ms(2000)
    made.update()
    rates = header.rates
    assert (rates.received_pps, rates.received_bps, rates.forwarded_pps) == (1500, 768_000, 1000)
    assert (rates.consumed_pps, rates.dropped_pps) == (250, 200)
    CLOCK.pass_ms(1000)
    made.update()
    assert (rates.received_pps, rates.received_bps, rates.dropped_pps) == (0, 0, 0)


def test_for_whom_the_syn_proxy_is_on_is_told_up_to_the_room_there_is() -> None:
    header, counters, made = begin()
    some = [abi.Protected(profile=index) for index in range(30)]
    counters.shielded = [(30, some), (40, some)]
    made.update()
    told = header.syn_proxy_on
    assert (told.count, told.version % 2) == (70, 0)
    assert [each.profile for each in told.shown] == [*range(30), 0, 1]
    counters.shielded = []
    made.update()
    assert told.count == 0
