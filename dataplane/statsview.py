"""Reads the statistics pages into plain values. Reads only, never writes, needs no library.

Everything on the pages that is wider than a byte is a 64-bit word, so a mapping is looked at as
words; offsets come from `abi`. Only what is in use is touched: an exporter keeps the pages of a few
profiles, not of a thousand.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator
from uuid import UUID

from dataplane import abi, stats
from dataplane.clock import Clock
from dataplane.errors import DataplaneAwayError
from dataplane.networks import Network

REMOVED = "(removed)"
"""Stands for all profiles that are no more."""
_TRIES_MAX = 8
_WORD = 8
_MASK = (1 << 64) - 1
_HEADER = abi.StatsHeader
_LCORE = abi.LcoreStats
_PORT = abi.PortStats
_REJECTED_WORDS = ctypes.sizeof(abi.Rejected) // _WORD
_LISTS = (*(kind.name.lower() for kind in abi.ListKind), "policy", "import", "prefixes")
_ERRORS = {errno.ENOSPC: "the table is full", errno.ENOMEM: "no memory"}


class StatsView:
    """A mapping of ``sb_stats``, read-only."""

    def __init__(self, view: mmap.mmap, clock: Clock) -> None:
        """DataplaneAwayError unless it is the page of a data plane of this layout."""
        self._bytes = memoryview(view)
        self._words = self._bytes.cast("Q")
        self._clock = clock
        if self._header("magic") != abi.STATS_MAGIC or self._key("abi_hash", 32).hex() != (
            abi.ABI_HASH
        ):
            raise DataplaneAwayError("the data plane's statistics have another layout")
        self._lcores = range(min(self._header("lcore_count"), abi.LCORES_MAX))

    def close(self) -> None:
        """Let go of the mapping; idempotent."""
        self._words.release()
        self._bytes.release()

    def in_force(self, database_id: UUID, revision: int) -> bool:
        """See `stats.NodeStats.in_force`; reads four words and allocates nothing much."""
        identity, applied, loading = self._applied()
        return identity == database_id and applied >= revision and loading != revision

    def capacities(self) -> stats.Capacities:
        """The sizes alone."""
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
        """Everything."""
        database_id, applied, loading = self._applied()
        now_ms = self._clock.boot_ms()
        header = self._header
        lcores = [self._lcore(index) for index in self._lcores]
        return stats.NodeStats(
            state=_label(abi.State, header("state")),
            degraded=_flags(header("degraded")),
            database_id=database_id,
            applied_through=applied,
            loading=loading,
            uptime_s=max(0, now_ms - header("started_boot_ms")) / 1000,
            heartbeat_age_s=max(0, now_ms - header("heartbeat_boot_ms")) / 1000,
            pid=header("pid"),
            tsc_hz=header("tsc_hz"),
            syn_proxy_profiles=header("syn_proxy_profiles"),
            hugepages=header("hugepages") != 0,
            capacities=self.capacities(),
            connections=self._connections(),
            countries=self._countries(),
            cpu_busy_percent=header("cpu_busy_ppm") / 10_000,
            latency_mean_ns=header("latency_mean_ns"),
            memory_bytes=header("memory_bytes"),
            events_lost=header("events_lost") + sum(lcore.events_lost for lcore in lcores),
            ports={_name(port): self._port(port) for port in abi.Port},
            origins={_name(origin): self._origin(origin) for origin in abi.Origin},
            latency=self._latency(),
            lcores=tuple(lcores),
            reasons=self._settled_reasons(),
            rejected_count=header("rejected_count"),
            rejected=tuple(self._rejected()),
        )

    def _connections(self) -> stats.ConnectionStats:
        size = ctypes.sizeof(abi.ConnectionStats)
        offset: int = _LCORE.connections.offset
        return stats.ConnectionStats(*self._summed(offset, size // _WORD))

    def _countries(self) -> stats.CountriesStats | None:
        header = self._header
        date_s = header("countries_date")
        ranges = header("countries_ranges_ipv4"), header("countries_ranges_ipv6")
        return stats.CountriesStats(date_s, *ranges, header("countries_bytes")) if date_s else None

    def _settled_reasons(self) -> tuple[stats.ReasonCount, ...]:
        """Read while names and counters stay where they are; a policy moves them for moments."""
        for _ in range(_TRIES_MAX):
            before = self._header("profile_version")
            found = tuple(self._reasons())
            if before % 2 == 0 and self._header("profile_version") == before:
                break
        return found

    def _applied(self) -> tuple[UUID | None, int, int]:
        """Database, applied_through, loading; in the order that never claims too much.

        loading is stored before applied_through, so it is read after. The database id is written
        while applied_through is 0, so it is read before and after, until both agree.
        """
        while True:
            before = self._key("database_id", 16)
            applied, loading = self._header("applied_through"), self._header("loading")
            if self._key("database_id", 16) == before:
                return UUID(bytes=before) if any(before) else None, applied, loading

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
        """Words at a byte offset of the lcore's pages, summed over the lcores."""
        spans = (self._span(_lcore_offset(index) + offset, count) for index in self._lcores)
        return [sum(column) & _MASK for column in zip(*spans, strict=True)] or [0] * count

    def _port(self, port: abi.Port) -> stats.PortStats:
        size = ctypes.sizeof(_PORT)
        words = self._summed(_LCORE.port.offset + port * size, size // _WORD)  # type: ignore[attr-defined]
        dropped = words[_PORT.dropped.offset // _WORD :][: abi.REASON_COUNT]  # type: ignore[attr-defined]
        size = ctypes.sizeof(abi.DeviceStats)
        device = self._span(_HEADER.device.offset + port * size, size // _WORD)  # type: ignore[attr-defined]
        missed, errors, no_mbuf, tx_errors, link_up, speed_mbps = device
        return stats.PortStats(
            name=_name(port),
            received=words[0],
            received_bytes=words[1],
            forwarded=words[2],
            forwarded_bytes=words[3],
            consumed=words[4],
            held_now=words[5],
            dropped={_name(reason): dropped[reason] for reason in abi.Reason if dropped[reason]},
            dropped_bytes=words[-1],
            missed=missed,
            errors=errors,
            no_mbuf=no_mbuf,
            tx_errors=tx_errors,
            link_up=link_up != 0,
            speed_mbps=speed_mbps,
        )

    def _origin(self, origin: abi.Origin) -> stats.OriginStats:
        size = ctypes.sizeof(abi.OriginStats)
        words = self._summed(_LCORE.origin.offset + origin * size, size // _WORD)  # type: ignore[attr-defined]
        return stats.OriginStats(*words)

    def _latency(self) -> stats.LatencyHistogram:
        offset = _LCORE.latency_count.offset  # type: ignore[attr-defined]
        count, sum_ns, *buckets = self._summed(offset, 2 + abi.LATENCY_BUCKETS)
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
        """By the profiles' names, and of those that are no more together."""
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
        """Index and name of each that counts."""
        labels: int = _HEADER.profile_label.offset  # type: ignore[attr-defined]
        count = min(self._header("profile_count"), abi.PROFILES_MAX)
        raw = bytes(self._bytes[labels : labels + count * abi.PROFILE_NAME])
        names = (
            raw[at : at + abi.PROFILE_NAME].rstrip(b"\0").decode(errors="replace")
            for at in range(0, len(raw), abi.PROFILE_NAME)
        )
        return [(index, name) for index, name in enumerate(names) if name]

    def _rejected(self) -> Iterator[stats.Rejected]:
        """The newest but one, which the writer may be about to write over."""
        newest = self._header("rejected_count")
        for number in range(max(0, newest - abi.REJECTED_MAX + 1), newest):
            slot = number % abi.REJECTED_MAX
            offset = _HEADER.rejected.offset + slot * ctypes.sizeof(abi.Rejected)  # type: ignore[attr-defined]
            revision, error, _, _, prefix_length, kind = self._span(offset, _REJECTED_WORDS)
            key = bytes(self._bytes[offset + 16 : offset + 32])
            yield stats.Rejected(
                revision=revision,
                network=str(Network(key, prefix_length)) if kind < abi.LIST_COUNT else "",
                list=_LISTS[kind] if kind < len(_LISTS) else "unknown",
                error=_ERRORS.get(error, os.strerror(error)) if error < (1 << 31) else "unknown",
            )


def _lcore_offset(index: int) -> int:
    offset: int = abi.Stats.lcore.offset  # type: ignore[attr-defined]
    return offset + index * ctypes.sizeof(_LCORE)


def _name(member: abi.Port | abi.Origin | abi.Stage | abi.Reason | abi.Mode) -> str:
    return member.name.lower()


def _label(kind: type[abi.State], value: int) -> str:
    return kind(value).name.lower() if value < len(kind) else "unknown"


def _flags(value: int) -> tuple[str, ...]:
    return tuple(flag.name.lower() for flag in abi.Degraded if flag & value and flag.name)
