"""Publishes incidents, counts and the heaviest addresses in shared memory.

The control loop is the only writer. A slot's version is odd while the rest of the slot changes. A
new incident takes an unused slot, else that of the ended incident with the oldest update; there are
more slots than incidents can be active.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from dataplane.base.clock import Clock
from dataplane.detection.incident import Incident, Rates
from dataplane.detection.traffic import SIZE_BOUNDS, Ranked
from dataplane.native import abi
from dataplane.shared.incidents import DELAY_BOUNDS_MS

_PPM = 1_000_000
_VERSION_BYTES = 8


class _Kept(NamedTuple):
    slot: int
    booted_utc_ms: int
    """The UTC time at which the boot clock was 0, as of the incident's begin: the distances of its
    times do not change when UTC steps."""


class IncidentTable:
    """``pages``: the statistics header's. ``country_of``: the country's number by address."""

    def __init__(
        self, pages: abi.DetectionPages, clock: Clock, country_of: Callable[[bytes], int]
    ) -> None:
        self._pages = pages
        self._clock = clock
        self._country_of = country_of
        self._kept: dict[int, _Kept] = {}
        """Slots by number of the incident."""
        self._ended: dict[int, None] = {}
        """Numbers of ended incidents, in the order of their ends."""
        self._unused = list(range(abi.INCIDENTS_MAX - 1, -1, -1))
        self._blocked: set[int] = set()

    @property
    def counts(self) -> abi.DetectionCounts:
        """Counters beside the incidents; `publish` updates those about incidents."""
        return self._pages.counts

    @property
    def baseline(self) -> abi.Baseline:
        """The page of the rates of profiles."""
        return self._pages.baseline

    def publish(self, incident: Incident) -> None:
        """Write an incident over its former values."""
        is_new = incident.number not in self._kept
        if is_new:
            utc_ms = self._clock.utc_ms() - self._clock.boot_ms()
            self._kept[incident.number] = _Kept(self._room(), utc_ms)
        kept = self._kept[incident.number]
        slot = self._pages.incident[kept.slot]
        content = abi.Incident()
        self._fill(content, incident, kept.booted_utc_ms)
        slot.version += 1
        # The version field is skipped: it stays odd until the other fields are written.
        source = ctypes.addressof(content) + _VERSION_BYTES
        size = ctypes.sizeof(content) - _VERSION_BYTES
        ctypes.memmove(ctypes.addressof(slot) + _VERSION_BYTES, source, size)
        slot.version += 1
        self._count(incident, is_new=is_new)

    def publish_top(
        self, sources: Iterable[Ranked], targets: Iterable[Ranked], packets_every: int
    ) -> None:
        """Write the heaviest addresses of the node."""
        top = self._pages.top
        top.version += 1
        top.boot_ms, top.packets_every = self._clock.boot_ms(), packets_every
        top.source_count = self._fill_heavy(top.source, sources)
        top.target_count = self._fill_heavy(top.target, targets)
        top.version += 1

    def _room(self) -> int:
        if self._unused:
            return self._unused.pop()
        oldest = next(iter(self._ended))
        del self._ended[oldest]
        return self._kept.pop(oldest).slot

    def _count(self, incident: Incident, *, is_new: bool) -> None:
        counts = self._pages.counts
        if is_new:
            counts.attacks[incident.attack] += 1
            counts.active[incident.attack] += 1
            delay_ms = max(0, self._clock.boot_ms() - incident.started_boot_ms)
            counts.delay[bisect_left(DELAY_BOUNDS_MS, delay_ms)] += 1
            counts.delay_sum_ms += delay_ms
            counts.delay_count += 1
        if incident.action is not abi.IncidentAction.MONITORED:
            counts.blocked += incident.number not in self._blocked
            self._blocked.add(incident.number)
        if incident.end is not abi.IncidentEnd.NONE:
            counts.active[incident.attack] -= 1
            self._ended[incident.number] = None
            self._blocked.discard(incident.number)

    def _fill(self, raw: abi.Incident, one: Incident, utc_ms: int) -> None:
        """``utc_ms``: the UTC time at which the boot clock was 0."""
        place, wanted = one.place, one.profile.thresholds.response
        name = one.profile.name.encode()
        raw.id, raw.number, raw.attack = one.id, one.number, one.attack
        raw.state = bool(one.ended_boot_ms)
        raw.end, raw.action = one.end, one.action
        raw.target, raw.profile = place.kind, place.profile
        raw.profile_name[: len(name)] = list(name)
        raw.key[:], raw.prefix_length = list(place.target.key), place.target.prefix_length
        raw.started_boot_ms, raw.updated_boot_ms = one.started_boot_ms, one.updated_boot_ms
        raw.started_ms = utc_ms + one.started_boot_ms
        raw.detected_ms = utc_ms + one.detected_boot_ms
        raw.updated_ms = utc_ms + one.updated_boot_ms
        raw.ended_ms = utc_ms + one.ended_boot_ms if one.ended_boot_ms else 0
        raw.metric, raw.threshold, raw.value = one.sign.metric, one.sign.threshold, one.sign.value
        _fill_rates(raw.now, one.now)
        _fill_rates(raw.peak, one.peak)
        raw.packets, raw.bits, raw.requests = one.packets, one.bits, one.requests
        raw.dropped, raw.would_drop, raw.challenged = one.dropped, one.would_drop, one.challenged
        raw.response, raw.response_mode = wanted.kind, wanted.mode
        raw.response_s, raw.response_max = wanted.seconds, wanted.entries_max
        raw.limit_pps = wanted.limit_pps
        self._fill_evidence(raw, one)

    def _fill_evidence(self, raw: abi.Incident, one: Incident) -> None:
        evidence, whole = one.evidence, one.evidence.packets
        raw.distinct_sources = evidence.distinct_sources
        raw.seen_once_ppm = round(evidence.seen_once * _PPM)
        raw.is_spoofed = one.is_spoofed
        raw.packets_every = one.sampling.packets_every
        raw.sources_every = one.sampling.sources_every
        raw.source_count = self._fill_heavy(raw.source, evidence.sources)
        raw.reason_count = _fill_parts(raw.reason, evidence.reasons)
        ports = {each.protocol << 16 | each.port: each.packets for each in evidence.ports}
        raw.port_count = _fill_parts(raw.port, _shares(ports, whole))
        raw.country_count = _fill_parts(raw.country, _shares(evidence.countries, whole))
        of_tcp = sum(evidence.tcp_flags.values())
        raw.flags_count = _fill_parts(raw.flags, _shares(evidence.tcp_flags, of_tcp))
        sizes = dict(zip((*SIZE_BOUNDS, 0), evidence.sizes, strict=False))
        raw.size_count = _fill_parts(raw.size, _shares(sizes, whole))

    def _fill_heavy(self, raw: ctypes.Array[abi.Heavy], ranked: Iterable[Ranked]) -> int:
        used = list(ranked)[: len(raw)]
        for heavy, one in zip(raw, used, strict=False):
            heavy.address[:] = list(one.key)
            heavy.country = self._country_of(one.key)
            heavy.packets, heavy.error = one.packets, one.error
        return len(used)


Key = TypeVar("Key", bound=int)


def _fill_rates(raw: abi.Rates, rates: Rates) -> None:
    raw.packets, raw.bits, raw.requests = rates.packets, rates.bits, rates.requests


def _shares(packets: Mapping[Key, int], whole: int) -> dict[int, int]:
    """Shares in parts per million."""
    return {int(key): min(_PPM, count * _PPM // whole) for key, count in packets.items() if whole}


def _fill_parts(raw: ctypes.Array[abi.Part], values: Mapping[Key, int]) -> int:
    """Write the largest parts that there is room for; returns their number."""
    largest = sorted(values.items(), key=lambda item: -item[1])
    used = [(key, value) for key, value in largest if value][: len(raw)]
    for part, (key, value) in zip(raw, used, strict=False):
        part.key, part.value = key, value
    return len(used)
