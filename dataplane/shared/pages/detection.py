"""Reads attacks from the statistics pages into plain values. Reads only, never writes.

Unused slots are not read, so that their pages need no memory. A slot that changes during a read is
read again, a few times; the control loop writes one within microseconds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from dataplane.base.networks import KEY_BITS, Network, address_text
from dataplane.countries.codes import code_of
from dataplane.native import abi
from dataplane.shared import incidents as plain

_WORD = 8
_TRIES_MAX = 8
_PPM = 1_000_000
_FLAG_LETTERS = "FSRPAUEW"
_PROTOCOLS: Mapping[int, str] = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_DETECTION: int = abi.StatsHeader.detection.offset
_TOP: int = _DETECTION + abi.DetectionPages.top.offset
_INCIDENTS: int = _DETECTION + abi.DetectionPages.incident.offset  # type: ignore[attr-defined]
_BASELINE: int = _DETECTION + abi.DetectionPages.baseline.offset
_INCIDENT_BYTES = ctypes.sizeof(abi.Incident)
_COUNTS_BYTES = ctypes.sizeof(abi.DetectionCounts)


class DetectionPages:
    """A mapping of ``sb_stats``, as bytes and as words."""

    def __init__(self, view: memoryview, words: memoryview) -> None:
        self._bytes = view
        self._words = words

    def incidents(self, updated_since_boot_ms: int = 0) -> list[plain.Incident]:
        """All incidents in the table that were written since then, oldest first."""
        found = (self._slot(slot) for slot in range(abi.INCIDENTS_MAX))
        wanted = [each for each in found if each and each.updated_boot_ms >= updated_since_boot_ms]
        return [_incident(each) for each in sorted(wanted, key=lambda each: each.number)]

    def top(self) -> plain.Top:
        """The heaviest sources and targets of the node."""
        content = self._consistent(_TOP, ctypes.sizeof(abi.Top))
        top = abi.Top.from_buffer_copy(content or bytes(ctypes.sizeof(abi.Top)))
        return plain.Top(
            boot_ms=top.boot_ms,
            packets_every=top.packets_every,
            sources=tuple(map(_ranked, top.source[: top.source_count])),
            targets=tuple(map(_ranked, top.target[: top.target_count])),
        )

    def baseline(self) -> plain.BaselinePeriod:
        """The last complete period."""
        size = ctypes.sizeof(abi.Baseline)
        content = self._consistent(_BASELINE, size)
        period = abi.Baseline.from_buffer_copy(content or bytes(size))
        return plain.BaselinePeriod(
            number=period.number,
            profiles=tuple(map(_profile_rates, period.profile[: period.profile_count])),
            beyond=period.beyond,
        )

    def stats(self) -> plain.DetectionStats:
        """The counters of detection."""
        content = bytes(self._bytes[_DETECTION : _DETECTION + _COUNTS_BYTES])
        counted = abi.DetectionCounts.from_buffer_copy(content)
        return plain.DetectionStats(
            ticks=counted.ticks,
            attacks=_by_type(counted.attacks),
            active=_by_type(counted.active),
            blocked=counted.blocked,
            suppressed=counted.suppressed,
            failures=counted.failures,
            delay_buckets=tuple(counted.delay),
            delay_count=counted.delay_count,
            delay_sum_ms=counted.delay_sum_ms,
        )

    def _slot(self, slot: int) -> abi.Incident | None:
        content = self._consistent(_INCIDENTS + slot * _INCIDENT_BYTES, _INCIDENT_BYTES)
        return abi.Incident.from_buffer_copy(content) if content else None

    def _consistent(self, offset: int, size: int) -> bytes | None:
        """Bytes that begin with a version; None: never written, or changing during each read."""
        for _ in range(_TRIES_MAX):
            version = self._words[offset // _WORD]
            if version == 0:
                return None
            content = bytes(self._bytes[offset : offset + size])
            if version % 2 == 0 and self._words[offset // _WORD] == version:
                return content
        return None


def _incident(raw: abi.Incident) -> plain.Incident:
    profile = bytes(raw.profile_name).rstrip(b"\0").decode(errors="replace")
    kind, network, target = _target(raw, profile)
    return plain.Incident(
        id=f"{plain.PUBLIC_ID}{raw.id:016x}",
        number=raw.number,
        version=raw.version,
        type=_label(abi.Attack, raw.attack),
        state=_label(abi.IncidentState, raw.state),
        ended_by=_label(abi.IncidentEnd, raw.end),
        action=_label(abi.IncidentAction, raw.action),
        target_kind=kind,
        target=target,
        network=network,
        profile=profile,
        started_at=raw.started_ms,
        detected_at=raw.detected_ms,
        updated_at=raw.updated_ms,
        ended_at=raw.ended_ms or None,
        trigger=plain.Trigger(
            f"{_label(abi.Metric, raw.metric)}_per_second", raw.threshold, raw.value
        ),
        rates=_rates(raw.now),
        peak=_rates(raw.peak),
        totals=plain.Totals(
            raw.packets, raw.bits, raw.requests, raw.dropped, raw.would_drop, raw.challenged
        ),
        dropped_by_reason=tuple(
            plain.ReasonPackets(_label(abi.Reason, share.key), share.value)
            for share in raw.reason[: raw.reason_count]
        ),
        sources=plain.Sources(
            top=tuple(map(_ranked, raw.source[: raw.source_count])),
            distinct=raw.distinct_sources,
            seen_once_share=raw.seen_once_ppm / _PPM,
            is_spoofed=raw.is_spoofed != 0,
        ),
        ports=tuple(
            plain.PortShare(_protocol(key >> 16), key & 0xFFFF, share)
            for key, share in _shares(raw.port[: raw.port_count])
        ),
        countries=tuple(
            plain.CountryShare(code_of(key), share)
            for key, share in _shares(raw.country[: raw.country_count])
        ),
        tcp_flags=tuple(
            plain.FlagsShare(_flags(key), share)
            for key, share in _shares(raw.flags[: raw.flags_count])
        ),
        packet_sizes=tuple(
            plain.SizeShare(key or None, share)
            for key, share in _shares(raw.size[: raw.size_count])
        ),
        sampling=plain.Sampling(raw.packets_every, raw.sources_every),
        response=plain.WantedResponse(
            kind=_label(abi.Response, raw.response),
            mode=_label(abi.Mode, raw.response_mode),
            seconds=raw.response_s,
            entries_max=raw.response_max,
            limit_pps=raw.limit_pps,
        ),
    )


def _target(raw: abi.Incident, profile: str) -> tuple[str, Network | None, str]:
    """Kind, network (if it is one), and text."""
    kind = _label(abi.Target, raw.target)
    if raw.target in {abi.Target.ADDRESS, abi.Target.PREFIX}:
        network = Network(bytes(raw.key), min(raw.prefix_length, KEY_BITS))
        return kind, network, str(network)
    if raw.target == abi.Target.PORT:
        return kind, None, _label(abi.Port, raw.prefix_length)
    return kind, None, profile


def _ranked(one: abi.Heavy) -> plain.Ranked:
    country = code_of(min(one.country, abi.COUNTRY_MAX))
    return plain.Ranked(address_text(bytes(one.address)), country, one.packets, one.error)


def _profile_rates(raw: abi.BaselineProfile) -> plain.ProfileRates:
    name = bytes(raw.name).rstrip(b"\0").decode(errors="replace")
    rates = {_label(abi.Metric, metric): rate for metric, rate in enumerate(raw.highest)}
    del rates[_label(abi.Metric, abi.Metric.FRAMES)]
    return plain.ProfileRates(name, rates, is_attacked=raw.is_attacked != 0)


def _rates(raw: abi.Rates) -> plain.Rates:
    return plain.Rates(raw.packets, raw.bits, raw.requests)


def _shares(found: Iterable[abi.Part]) -> Iterator[tuple[int, float]]:
    return ((share.key, share.value / _PPM) for share in found)


def _by_type(counts: Iterable[int]) -> dict[str, int]:
    return {each.name.lower(): count for each, count in zip(abi.Attack, counts, strict=True)}


def _label(kind: type[Enum], value: int) -> str:
    members = list(kind)
    return members[value].name.lower() if value < len(members) else "unknown"


def _protocol(number: int) -> str:
    return _PROTOCOLS.get(number, str(number))


def _flags(bits: int) -> str:
    return "".join(letter for bit, letter in enumerate(_FLAG_LETTERS) if bits >> bit & 1)
