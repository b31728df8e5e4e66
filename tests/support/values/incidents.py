"""Attacks as values, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dataplane.base.networks import Network
from dataplane.shared.incidents import (
    DELAY_BOUNDS_MS,
    CountryShare,
    DetectionStats,
    FlagsShare,
    Incident,
    PortShare,
    Ranked,
    Rates,
    ReasonPackets,
    Sampling,
    SizeShare,
    Sources,
    Totals,
    Trigger,
    WantedResponse,
)
from dataplane.shared.labels import ATTACKS

_STARTED_MS = 1_764_000_000_000

SYN_FLOOD = Incident(
    id="attack_0123456789abcdef",
    number=1,
    version=2,
    type="syn_flood",
    state="active",
    ended_by="none",
    action="challenged",
    target_kind="address",
    target="203.0.113.10",
    network=Network.parse("203.0.113.10"),
    profile="web",
    started_at=_STARTED_MS,
    detected_at=_STARTED_MS + 90,
    updated_at=_STARTED_MS + 2000,
    ended_at=None,
    trigger=Trigger("syns_per_second", 1000, 5400),
    rates=Rates(100_000, 48_000_000, 0),
    peak=Rates(120_000, 57_600_000, 3),
    totals=Totals(200_000, 96_000_000, 3, 190_000, 0),
    dropped_by_reason=(ReasonPackets("blacklist", 190_000),),
    sources=Sources((Ranked("192.0.2.100", "DE", 400, 7),), 1_900, 0.97, is_spoofed=True),
    ports=(PortShare("tcp", 80, 1.0),),
    countries=(CountryShare("DE", 0.6), CountryShare("ZZ", 0.4)),
    tcp_flags=(FlagsShare("S", 0.999),),
    packet_sizes=(SizeShare(64, 0.95), SizeShare(None, 0.05)),
    sampling=Sampling(16, 64),
    response=WantedResponse("none", "enforce", 0, 0, 0),
)
"""An incident that has not ended."""

DETECTION = DetectionStats(
    ticks=500,
    attacks={**dict.fromkeys(ATTACKS, 0), "syn_flood": 3, "http_flood": 1},
    active={**dict.fromkeys(ATTACKS, 0), "syn_flood": 1},
    blocked=2,
    suppressed=5,
    failures=2,
    delay_buckets=(0, 1, 2, 1, *(0 for _ in DELAY_BOUNDS_MS[3:])),
    delay_count=4,
    delay_sum_ms=520,
)
"""Counters of a node."""

NO_DETECTION = DetectionStats(
    ticks=500,
    attacks=dict.fromkeys(ATTACKS, 0),
    active=dict.fromkeys(ATTACKS, 0),
    blocked=0,
    suppressed=0,
    failures=0,
    delay_buckets=(0,) * (len(DELAY_BOUNDS_MS) + 1),
    delay_count=0,
    delay_sum_ms=0,
)
"""Counters of a node that was never attacked."""


def ended(incident: Incident = SYN_FLOOD, **changes: Any) -> Incident:
    """The same incident three seconds later, ended."""
    end = incident.started_at + 5000
    over = {"state": "ended", "ended_by": "quiet", "ended_at": end, "updated_at": end}
    return replace(incident, version=incident.version + 2, **{**over, **changes})
