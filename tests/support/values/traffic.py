"""A collector that a test feeds tick by tick with counters by address and kind."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from dataplane.base.networks import KEY_BITS, Network
from dataplane.detection.traffic import (
    Counts,
    Evidence,
    Ranked,
    RankedPort,
    Sampling,
    Target,
    TargetTraffic,
    Traffic,
    Window,
)
from dataplane.native.abi import TrafficKind

TICK_MS = 100
TICKS_PER_S = 10
PREFIX_LENGTH = 120
"""A /24, as the length of a mapped prefix."""
NONE = (0,) * (len(TrafficKind) + 1)
Row = tuple[int, ...]
"""Counts by kind, then bytes."""


def row(size: int = 100, **kinds: int) -> Row:
    """A row with these counts, by kind in lower case. PACKETS defaults to the largest count."""
    counts = {TrafficKind[name.upper()]: value for name, value in kinds.items()}
    counts.setdefault(TrafficKind.PACKETS, max(counts.values(), default=0))
    packets = counts[TrafficKind.PACKETS]
    return (*(counts.get(kind, 0) for kind in TrafficKind), packets * size)


def target(text: str) -> Target:
    """An address or a prefix."""
    return Target(*Network.parse(text))


class FakeCollector:
    """Sums and windows as in the real collector, but exact; addresses are IPv4."""

    sampling = Sampling(1, 1)

    def __init__(self) -> None:
        self.boot_ms = 1_000_000
        self.profile_of: dict[Target, int] = defaultdict(int)
        self.floors: dict[int, tuple[Mapping[TrafficKind, int], int]] = {}
        self.followed: list[Target] = []
        self.evidence_of: dict[Target, Evidence] = {}
        self.sources: list[Ranked] = []
        self.captures: dict[int, int] = {}
        self._ticks: deque[dict[Target, Row]] = deque(maxlen=TICKS_PER_S)

    def set_floors(
        self, profile: int, floors: Mapping[TrafficKind, int], bytes_floor: int = 0
    ) -> None:
        self.floors[profile] = (floors, bytes_floor)

    def follow(self, target: Target) -> None:
        assert target not in self.followed
        self.followed.append(target)

    def unfollow(self, target: Target) -> None:
        self.followed.remove(target)

    def evidence(self, target: Target) -> Evidence:
        assert target in self.followed
        return self.evidence_of.get(target, Evidence())

    def capture(self, profile: int, packets: int) -> None:
        self.captures[profile] = packets

    def node_top(self) -> tuple[list[Ranked], list[Ranked]]:
        return self.sources, []

    def put(self, rows: Mapping[str, Row]) -> None:
        """Add the counters of one tick, by address."""
        self._ticks.append({target(address): counts for address, counts in rows.items()})
        self.boot_ms += TICK_MS

    def collect(self, boot_ms: int) -> Window:
        addresses = {each for tick in self._ticks for each in tick}
        found = {each: self._traffic([each]) for each in addresses}
        prefixes: dict[tuple[Target, int], list[Target]] = defaultdict(list)
        profiles: dict[int, list[Target]] = defaultdict(list)
        for each in addresses:
            profile = self.profile_of[each]
            prefixes[_prefix(each), profile].append(each)
            profiles[profile].append(each)
        candidates = [
            *(TargetTraffic(*each, self.profile_of[each], found[each]) for each in addresses),
            *(
                TargetTraffic(*prefix, profile, self._traffic(inside), len(inside))
                for (prefix, profile), inside in prefixes.items()
            ),
        ]
        followed = {each.target: each for each in candidates if each.target in self.followed}
        return Window(
            boot_ms=boot_ms,
            all=self._traffic(addresses),
            profiles={index: self._traffic(inside) for index, inside in profiles.items()},
            highest={
                index: _highest(found[each].window for each in inside)
                for index, inside in profiles.items()
            },
            candidates=tuple(filter(self._is_candidate, candidates)),
            followed=followed,
            cut=0,
        )

    def _is_candidate(self, one: TargetTraffic) -> bool:
        floors, bytes_floor = self.floors.get(one.profile, ({}, 0))
        window = one.traffic.window
        reached = any(0 < floor <= window[kind] for kind, floor in floors.items())
        return reached or 0 < bytes_floor <= window.bytes

    def _traffic(self, addresses: Iterable[Target]) -> Traffic:
        addresses = list(addresses)
        last = self._ticks[-1] if self._ticks else {}
        return Traffic(
            window=_sum(tick.get(each, NONE) for tick in self._ticks for each in addresses),
            since=_sum(last.get(each, NONE) for each in addresses),
        )


def evidence(**changes: Any) -> Evidence:
    """Evidence of a flood with forged sources, with these changes."""
    usual: dict[str, Any] = {
        "packets": 1000,
        "samples_taken": 1000,
        "sources": (Ranked(Network.parse("192.0.2.1").key, 10, 2),),
        "ports": (RankedPort(6, 80, 1000, 0),),
        "tcp_flags": {2: 1000},
        "sizes": (1000, 0, 0, 0, 0, 0, 0, 0),
        "distinct_sources": 990,
        "seen_once": 0.99,
    }
    return Evidence(**{**usual, **changes})


def amplified(port: int) -> Evidence:
    """Evidence of answers from reflectors with this source port."""
    return evidence(source_ports=(RankedPort(17, port, 900, 0), RankedPort(17, 1, 10, 0)))


def _prefix(address: Target) -> Target:
    shift = KEY_BITS - PREFIX_LENGTH
    key = int.from_bytes(address.key) >> shift << shift
    return Target(key.to_bytes(16), PREFIX_LENGTH)


def _sum(rows: Iterable[Row]) -> Counts:
    *kinds, size = (sum(column) for column in zip(NONE, *rows, strict=True))
    return Counts(tuple(kinds), size)


def _highest(windows: Iterable[Counts]) -> Counts:
    windows = list(windows)
    kinds = zip(*(each.by_kind for each in windows), strict=True)
    return Counts(tuple(map(max, kinds)), max(each.bytes for each in windows))
