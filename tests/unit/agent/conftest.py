"""A node's statistics as a test wants them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from dataplane.shared.labels import LATENCY_BOUNDS_NS, STAGES
from dataplane.shared.stats import (
    Capacities,
    ConnectionStats,
    CountriesStats,
    LatencyHistogram,
    LcoreStats,
    NodeStats,
    OriginStats,
    PortStats,
    Protected,
    ReasonCount,
    RulesStats,
    StageStats,
    SynProxyOn,
    TrafficRates,
)
from tests.support.values.http_stats import GROUPS, HTTP, SCANS
from tests.support.values.incidents import DETECTION


def port(name: str, received: int, dropped: dict[str, int]) -> PortStats:
    return PortStats(
        name=name,
        received=received,
        received_bytes=received * 100,
        forwarded=received - sum(dropped.values()),
        forwarded_bytes=(received - sum(dropped.values())) * 100,
        consumed=0,
        held_now=0,
        dropped=dropped,
        link={"arp": 2, "other_mpls": 9},
        inner={"mpls": 5, "pppoe": 0},
        neighbors={"bgp": 8, "ospf": 0},
        dropped_bytes=sum(dropped.values()) * 100,
        missed=4,
        errors=3,
        no_mbuf=2,
        tx_errors=1,
        link_up=True,
        speed_mbps=10_000,
    )


def lcore(index: int) -> LcoreStats:
    stages = {name: StageStats(100, 1, 32, 6400) for name in STAGES}
    return LcoreStats(index, 1000, 500, 900, 6, 5, 4, stages)


NODE = NodeStats(
    state="running",
    degraded=("link",),
    database_id=UUID(int=7),
    applied_through=42,
    loading=0,
    uptime_s=12.5,
    heartbeat_age_s=0.001,
    pid=1,
    tsc_hz=2_600_000_000,
    rates=TrafficRates(5000, 2_560_000, 4000, 100, 900),
    syn_proxy_on=SynProxyOn(2, (Protected("shop", "198.51.100.80"), Protected("default", None))),
    syn_proxy_profiles=0,
    http_profiles=1,
    overlays=2,
    panic_until_boot_ms=0,
    hugepages=True,
    capacities=Capacities(1000, 10, 200, 3, 4, 262_144, 4096, 128),
    connections=ConnectionStats(
        *(7, 5, 9, 1, 1, 0, 1, 3, 1, 2), by_profile={"default": 4, "shop": 3}
    ),
    countries=CountriesStats(1_782_362_039, 390_000, 300_000, 8_000_000),
    rules=RulesStats(7, 3, 65_536, 1, 9_000_000, ("ready",)),
    http=HTTP,
    scans=SCANS,
    detection=DETECTION,
    rule_groups=GROUPS,
    cpu_busy_percent=37.5,
    latency_mean_ns=1500,
    request_latency_mean_ns=600_000,
    requests_per_second=12.34,
    memory_bytes=100_000_000,
    events_lost=11,
    ports={"outside": port("outside", 100, {"blacklist": 30}), "inside": port("inside", 50, {})},
    neighbors_beyond={"bgp": 3, "ospf": 0},
    origins={"answer": OriginStats(3, 2, 1)},
    latency=LatencyHistogram(
        LATENCY_BOUNDS_NS, (5, 3) + (0,) * (len(LATENCY_BOUNDS_NS) - 2) + (2,), 10, 4_000_000_000
    ),
    request_latency=LatencyHistogram(
        LATENCY_BOUNDS_NS, (7,) + (0,) * len(LATENCY_BOUNDS_NS), 7, 4_200
    ),
    response_time=LatencyHistogram(
        LATENCY_BOUNDS_NS, (0,) * len(LATENCY_BOUNDS_NS) + (4,), 4, 40_000_000_000
    ),
    lcores=(lcore(0), lcore(1)),
    reasons=(
        ReasonCount("default", "blacklist", "enforce", 30),
        ReasonCount("default", "land", "monitor", 9),
        ReasonCount("web", "land", "monitor", 1),
    ),
    rejected_count=1,
    rejected=(),
)


@dataclass
class FakeSource:
    """A node that is there, or away."""

    stats: NodeStats | None = NODE

    def read(self) -> NodeStats | None:
        return self.stats

    def change(self, **fields: Any) -> None:
        assert self.stats is not None
        self.stats = replace(self.stats, **fields)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()
