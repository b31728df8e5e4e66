"""Reads the statistics pages into plain values. Reads only, never writes, needs no library.

All values on the pages that are wider than a byte are 64-bit words, so a mapping is read as words;
offsets come from `abi`. Only used parts are read: an exporter needs memory for the pages of a few
profiles, not of a thousand.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.shared import stats
from dataplane.shared.captures import Capture, CapturePages, Seen
from dataplane.shared.evidence import Evidence
from dataplane.shared.http_stats import read_http, read_scans
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.links import read_drain, read_links
from dataplane.shared.pages.detection import DetectionPages
from dataplane.shared.pages.hits import read_most_hit
from dataplane.shared.pages.ports import read_neighbors_beyond, read_port
from dataplane.shared.pages.protected import read_protected
from dataplane.shared.pages.rejected import read_rejected
from dataplane.shared.pages.rules import RulesPages, read_labels

_Value = TypeVar("_Value")
REMOVED = "(removed)"
"""Label for all removed profiles together."""
_TRIES_MAX = 8
_WORD = 8
_MASK = (1 << 64) - 1
_HEADER = abi.StatsHeader
_RATES_WORDS = ctypes.sizeof(abi.TrafficRates) // _WORD
_LCORE = abi.LcoreStats


class StatsView:
    """A mapping of ``sb_stats``, read-only."""

    def __init__(self, view: mmap.mmap, clock: Clock) -> None:
        """DataplaneAwayError unless it is the page of a data plane with this layout."""
        self._bytes = memoryview(view)
        self._words = self._bytes.cast("Q")
        self._clock = clock
        if self._header("magic") != abi.STATS_MAGIC or self._key("abi_hash", 32).hex() != (
            abi.ABI_HASH
        ):
            raise DataplaneAwayError("the data plane's statistics have another layout")
        self._lcores = range(min(self._header("lcore_count"), abi.LCORES_MAX))
        self._rules_pages = RulesPages(self._bytes, self._words, self._lcores)
        self._detection_pages = DetectionPages(self._bytes, self._words)
        self._capture_pages = CapturePages(self._bytes, self._words, self._lcores)

    def close(self) -> None:
        """Release the mapping; idempotent."""
        self._words.release()
        self._bytes.release()

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """See `stats.NodeStats.in_force`; reads a few words and allocates almost nothing."""
        identity, applied, loading, rules = self._applied()
        through = min(applied, rules) if of_rules else applied
        return identity == database_id and through >= revision and loading != revision

    def rule_hits(self, numbers: Sequence[int]) -> dict[int, int]:
        """Requests that each rule of the WAF hit."""
        return self._rules_pages.hits(numbers)

    def group_names(self) -> dict[int, str]:
        """Index and name of each group of the WAF's rules."""
        return self._rules_pages.group_names()

    def profiles(self) -> dict[int, str]:
        """Index and name of each profile with counters."""
        return dict(self._profiles())

    def evidence(self, limit: int, rule: int | None = None) -> list[Evidence]:
        """The newest evidence, of one rule if given, newest first."""
        return self._rules_pages.evidence(limit, rule, dict(self._profiles()))

    def evidence_at(self, lcore: int, sequence: int) -> Evidence | None:
        """The evidence of an event; None: it was overwritten, or there is no such lcore."""
        return self._rules_pages.evidence_at(lcore, sequence, dict(self._profiles()))

    def incidents(self, updated_since_boot_ms: int = 0) -> list[Incident]:
        """Incidents in the table that were written since then, oldest first."""
        return self._detection_pages.incidents(updated_since_boot_ms)

    def captures(self, seen: Seen, limit: int) -> tuple[list[Capture], Seen]:
        """Packets of attacks that were kept since then; see `CapturePages.since`."""
        return self._capture_pages.since(seen, limit)

    def top(self) -> Top:
        """The heaviest sources and targets."""
        return self._detection_pages.top()

    def most_hit(self, kind: abi.ListKind) -> list[Network]:
        """The networks of a list that packets hit most, the most hit first."""
        return read_most_hit(self._bytes, kind)

    def baseline(self) -> BaselinePeriod:
        """The rates of profiles in the last complete period."""
        return self._detection_pages.baseline()

    def capacities(self) -> stats.Capacities:
        """Only the sizes of the tables."""
        header = self._header
        return stats.Capacities(
            addresses_max=header("addresses_max"),
            addresses_used=header("addresses_used"),
            prefixes_max=header("prefixes_max"),
            prefixes_used_ipv4=header("prefixes_used_ipv4"),
            prefixes_used_ipv6=header("prefixes_used_ipv6"),
            connections_max=header("connections_max"),
            mbufs_max=header("mbufs_max"),
            mbufs_used=header("mbufs_used"),
        )

    def read(self) -> stats.NodeStats:
        """All statistics."""
        database_id, applied, loading, rules_through = self._applied()
        now_ms = self._clock.boot_ms()
        header = self._header
        lcores = [self._lcore(index) for index in self._lcores]
        rejected_count = header("rejected_count")
        return stats.NodeStats(
            state=_label(abi.State, header("state")),
            degraded=_flags(abi.Degraded, header("degraded")),
            database_id=database_id,
            applied_through=applied,
            loading=loading,
            uptime_s=max(0, now_ms - header("started_boot_ms")) / 1000,
            heartbeat_age_s=max(0, now_ms - header("heartbeat_boot_ms")) / 1000,
            pid=header("pid"),
            tsc_hz=header("tsc_hz"),
            rates=stats.TrafficRates(*self._span(_HEADER.rates.offset, _RATES_WORDS)),
            syn_proxy_on=read_protected(self._bytes, dict(self._profiles())),
            syn_proxy_profiles=header("syn_proxy_profiles"),
            http_profiles=header("http_profiles"),
            overlays=header("overlays"),
            panic_until_boot_ms=header("panic_until_boot_ms"),
            hugepages=header("hugepages") != 0,
            capacities=self.capacities(),
            connections=self._connections(),
            countries=self._countries(),
            rules=self._rules(rules_through),
            http=read_http(self._summed),
            scans=read_scans(self._summed),
            detection=self._detection_pages.stats(),
            rule_groups=self._consistent(self._rules_pages.groups),
            cpu_busy_percent=header("cpu_busy_ppm") / 10_000,
            latency_mean_ns=header("latency_mean_ns"),
            request_latency_mean_ns=header("request_latency_mean_ns"),
            requests_per_second=header("requests_mps") / 1000,
            memory_bytes=header("memory_bytes"),
            events_lost=header("events_lost") + sum(lcore.events_lost for lcore in lcores),
            ports={_name(port): read_port(port, self._span, self._summed) for port in abi.Port},
            neighbors_beyond=read_neighbors_beyond(self._summed),
            origins={_name(origin): self._origin(origin) for origin in abi.Origin},
            latency=self._latency(_LCORE.latency),
            request_latency=self._latency(_LCORE.request_latency),
            response_time=self._latency(_LCORE.response_time),
            lcores=tuple(lcores),
            reasons=self._consistent(self._reasons),
            rejected_count=rejected_count,
            rejected=tuple(read_rejected(rejected_count, self._bytes)),
            links=read_links(self._span, now_ms),
            drain=read_drain(self._span),
        )

    def _connections(self) -> stats.ConnectionStats:
        size = ctypes.sizeof(abi.ConnectionStats)
        offset: int = _LCORE.connections.offset
        found = stats.ConnectionStats(*self._summed(offset, size // _WORD))  # type: ignore[arg-type]
        return replace(found, by_profile=dict(self._consistent(self._connections_of)))

    def _connections_of(self) -> Iterator[tuple[str, int]]:
        names = self._profiles()
        offset: int = _LCORE.connections_of.offset  # type: ignore[attr-defined]
        active = self._summed(offset, self._profile_count)
        return ((name, active[index]) for index, name in names if active[index])

    def _countries(self) -> stats.CountriesStats | None:
        header = self._header
        date_s = header("countries_date")
        ranges = header("countries_ranges_ipv4"), header("countries_ranges_ipv6")
        return stats.CountriesStats(date_s, *ranges, header("countries_bytes")) if date_s else None

    def _rules(self, through: int) -> stats.RulesStats:
        header = self._header
        return stats.RulesStats(
            through=through,
            used=header("rules_used"),
            max=header("rules_max"),
            pending=header("rules_pending"),
            bytes=header("rules_bytes"),
            state=_flags(abi.RulesState, header("rules_state")),
        )

    def _consistent(self, read: Callable[[], Iterable[_Value]]) -> tuple[_Value, ...]:
        """Read until names and counters stay in place; a change of the policy moves them for
        moments."""
        for _ in range(_TRIES_MAX):
            before = self._header("profile_version")
            found = tuple(read())
            if before % 2 == 0 and self._header("profile_version") == before:
                break
        return found

    def _applied(self) -> tuple[UUID | None, int, int, int]:
        """Database, applied_through, loading, rules_through; read in an order that never reports
        too much.

        loading is stored before applied_through, so it is read after. The database id is written
        while applied_through is 0, so it is read before and after, until both agree.
        """
        while True:
            before = self._key("database_id", 16)
            applied, loading = self._header("applied_through"), self._header("loading")
            rules = self._header("rules_through")
            if self._key("database_id", 16) == before:
                return UUID(bytes=before) if any(before) else None, applied, loading, rules

    def _header(self, field: str) -> int:
        offset: int = getattr(_HEADER, field).offset
        return self._words[offset // _WORD]

    def _key(self, field: str, size: int) -> bytes:
        offset = getattr(_HEADER, field).offset
        return bytes(self._bytes[offset : offset + size])

    def _span(self, offset: int, count: int) -> list[int]:
        """Words at a byte offset."""
        return self._words[offset // _WORD : offset // _WORD + count].tolist()

    def _summed(self, offset: int, count: int) -> list[int]:
        """Words at a byte offset of the lcores' pages, summed over the lcores."""
        spans = (self._span(_lcore_offset(index) + offset, count) for index in self._lcores)
        return [sum(column) & _MASK for column in zip(*spans, strict=True)] or [0] * count

    def _origin(self, origin: abi.Origin) -> stats.OriginStats:
        size = ctypes.sizeof(abi.OriginStats)
        words = self._summed(_LCORE.origin.offset + origin * size, size // _WORD)  # type: ignore[attr-defined]
        return stats.OriginStats(*words)

    def _latency(self, field: Any) -> stats.LatencyHistogram:
        count, sum_ns, *buckets = self._summed(field.offset, 2 + abi.LATENCY_BUCKETS)
        return stats.LatencyHistogram(abi.LATENCY_BOUNDS_NS, tuple(buckets), count, sum_ns)

    def _lcore(self, index: int) -> stats.LcoreStats:
        heartbeat, busy, total, misrouted, lost, events_lost = self._span(_lcore_offset(index), 6)
        return stats.LcoreStats(
            index=index,
            heartbeat=heartbeat,
            busy_cycles=busy,
            total_cycles=total,
            misrouted=misrouted,
            handover_lost=lost,
            events_lost=events_lost,
            stages={_name(stage): self._stage(index, stage) for stage in abi.Stage},
        )

    def _stage(self, index: int, stage: abi.Stage) -> stats.StageStats:
        size = ctypes.sizeof(abi.StageStats)
        offset = _lcore_offset(index) + _LCORE.stage.offset + stage * size  # type: ignore[attr-defined]
        return stats.StageStats(*self._span(offset, size // _WORD))

    def _reasons(self) -> Iterator[stats.ReasonCount]:
        """Counts of reasons, by the name of the profile; all removed profiles count together."""
        size = ctypes.sizeof(abi.ProfileStats)
        counted = [(REMOVED, self._span(_HEADER.profile_removed.offset, size // _WORD))]
        for index, name in self._profiles():
            offset = _LCORE.profile.offset + index * size  # type: ignore[attr-defined]
            counted.append((name, self._summed(offset, size // _WORD)))
        for name, cells in counted:
            for cell, packets in enumerate(cells) if any(cells) else ():
                reason, mode = divmod(cell, abi.MODE_COUNT)
                if packets:
                    yield stats.ReasonCount(
                        name, _name(abi.Reason(reason)), _name(abi.Mode(mode)), packets
                    )

    def _profiles(self) -> list[tuple[int, str]]:
        """Index and name of each profile with counters."""
        labels: int = _HEADER.profile_label.offset  # type: ignore[attr-defined]
        return read_labels(self._bytes, labels, self._profile_count, abi.PROFILE_NAME)

    @property
    def _profile_count(self) -> int:
        return min(self._header("profile_count"), abi.PROFILES_MAX)


def _lcore_offset(index: int) -> int:
    offset: int = abi.Stats.lcore.offset  # type: ignore[attr-defined]
    return offset + index * ctypes.sizeof(_LCORE)


def _name(
    member: abi.Port | abi.Link | abi.Neighbor | abi.Origin | abi.Stage | abi.Reason | abi.Mode,
) -> str:
    return member.name.lower()


def _label(kind: type[abi.State], value: int) -> str:
    return kind(value).name.lower() if value < len(kind) else "unknown"


def _flags(kind: type[abi.Degraded] | type[abi.RulesState], value: int) -> tuple[str, ...]:
    return tuple(flag.name.lower() for flag in kind if flag & value and flag.name)
