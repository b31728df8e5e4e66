"""A node's statistics as plain values: what ``dataplane.client`` reads from the shared pages.

Counters are sums over the lcores unless a field says otherwise. Reads are not a snapshot in one
instant: every counter is exact, two counters may be a few packets apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from dataplane.base.networks import Network
from dataplane.shared.http_stats import GroupStats, HttpStats, ScanStats
from dataplane.shared.incidents import DetectionStats
from dataplane.shared.links import DrainStats, LinksStats
from dataplane.statelog.changes import ListName

_WAF_RULE = "waf_rule"
"""The reason that a request which a rule blocks is refused for."""


@dataclass(frozen=True)
class PortStats:
    """One rx port's ledger.

    At quiescence received = forwarded + consumed + sum(dropped) + held_now.
    """

    name: str
    received: int
    received_bytes: int
    forwarded: int
    forwarded_bytes: int
    consumed: int
    held_now: int
    dropped: Mapping[str, int]
    """By reason label, only reasons that ever counted."""
    link: Mapping[str, int]
    """What came in that is of the link or not IP, by kind (``link.def``)."""
    inner: Mapping[str, int]
    """What came in inside MPLS or PPPoE, to be judged, by kind (``enum sb_encapsulation``)."""
    neighbors: Mapping[str, int]
    """What came in of named neighbours and was not judged, by protocol (``neighbor.def``)."""
    dropped_bytes: int
    missed: int
    errors: int
    no_mbuf: int
    tx_errors: int
    link_up: bool
    speed_mbps: int


@dataclass(frozen=True)
class TrafficRates:
    """Of both ports together, at the pace of the last second."""

    received_pps: int
    received_bps: int
    """Bits a second."""
    forwarded_pps: int
    consumed_pps: int
    """Answered or absorbed by the node."""
    dropped_pps: int


@dataclass(frozen=True)
class Protected:
    """For whom ``syn = "auto"`` has switched the SYN proxy on."""

    profile: str
    address: str | None
    """None: all of the profile."""


@dataclass(frozen=True)
class SynProxyOn:
    """All of them, as of the last second."""

    count: int
    """Some may stand there for each lcore; 0: none."""
    shown: tuple[Protected, ...]
    """The first of them, each once."""


@dataclass(frozen=True)
class StageStats:
    """One stage on one lcore; cycles are measured on a sample of the bursts."""

    packets: int
    dropped: int
    sampled_packets: int
    sampled_cycles: int


@dataclass(frozen=True)
class OriginStats:
    """Packets of the node's own: originated = sent + tx_full."""

    originated: int
    sent: int
    tx_full: int


@dataclass(frozen=True)
class LatencyHistogram:
    """Durations; ``buckets[i]`` counts up to ``bounds_ns[i]``."""

    bounds_ns: tuple[int, ...]
    """Upper bounds; the last bucket has none (+Inf)."""
    buckets: tuple[int, ...]
    """Not cumulative; one more than the bounds."""
    count: int
    sum_ns: int


@dataclass(frozen=True)
class LcoreStats:
    """One worker lcore."""

    index: int
    heartbeat: int
    busy_cycles: int
    total_cycles: int
    misrouted: int
    handover_lost: int
    events_lost: int
    stages: Mapping[str, StageStats]


@dataclass(frozen=True)
class ReasonCount:
    """One cell of the counters by profile, reason and mode."""

    profile: str
    """Its name; ``(removed)``: all those together that are no more."""
    reason: str
    mode: str
    """``monitor`` (would have dropped) or ``enforce`` (dropped)."""
    packets: int


@dataclass(frozen=True)
class RejectedEntry:
    """An entry of a list that could not be applied."""

    revision: int
    error: str
    list: ListName
    network: Network


@dataclass(frozen=True)
class RejectedWhole:
    """What could not be applied as a whole; the state before it stays."""

    revision: int
    error: str
    what: str
    """``policy``, ``import``, or ``prefixes``: those of the revision."""


@dataclass(frozen=True)
class RejectedRule:
    """A rule of the WAF that could not be brought in force."""

    revision: int
    error: str
    rule: int
    """Its number."""


Rejected: TypeAlias = RejectedEntry | RejectedRule | RejectedWhole


@dataclass(frozen=True)
class ConnectionStats:
    """The connections that are tracked."""

    active: int
    proven: int
    """Of those: the client has shown that it receives what is sent to it."""
    opened: int
    """Ever."""
    expired: int
    evicted: int
    """Unproven or ended ones that gave their place to a newer one."""
    untracked: int
    """Found no place: all around were proven, or others' and their profile has its share."""
    opening: int
    """Of the active: the SYN proxy waits for the protected host."""
    accepted: int
    """Ever opened by the SYN proxy."""
    failed: int
    """Of those: refused, silent, or given up by the client."""
    bad_checksum: int
    """RST and FIN of a connection with a wrong one: without effect."""
    proxied: int = 0
    """Of the active: opened by the SYN proxy, and neither closed nor reset."""
    by_profile: Mapping[str, int] = field(default_factory=dict)
    """The active by the profile that has opened them; those without any are missing."""


@dataclass(frozen=True)
class Capacities:
    """Sizes of the tables, in entries; prefixes per family."""

    addresses_max: int
    addresses_used: int
    prefixes_max: int
    prefixes_used_ipv4: int
    prefixes_used_ipv6: int
    connections_max: int
    mbufs_max: int
    mbufs_used: int


@dataclass(frozen=True)
class CountriesStats:
    """The country database in use."""

    date_s: int
    """Of its data, seconds since 1970."""
    ranges_ipv4: int
    ranges_ipv6: int
    bytes: int
    """Of the table that packets are looked up in."""


@dataclass(frozen=True)
class RulesStats:
    """The rules of the WAF."""

    through: int
    """Every revision up to this one has its rules in force."""
    used: int
    max: int
    pending: int
    """Of those that are used: not compiled in yet."""
    bytes: int
    """Of the databases that requests are matched against."""
    state: tuple[str, ...]
    """Names of ``enum sb_rules_state`` in lower case."""


@dataclass(frozen=True)
class NodeStats:
    """Everything the data plane publishes, at one reading."""

    state: str
    """starting, running or draining."""
    degraded: tuple[str, ...]
    """Names of ``enum sb_degraded`` in lower case; empty: healthy."""
    database_id: UUID | None
    applied_through: int
    loading: int
    uptime_s: float
    heartbeat_age_s: float
    """Since the control loop's last turn."""
    pid: int
    tsc_hz: int
    rates: TrafficRates
    syn_proxy_on: SynProxyOn
    syn_proxy_profiles: int
    """How many profiles have the SYN proxy."""
    http_profiles: int
    """How many have HTTP inspected."""
    overlays: int
    """Laid over the policy now."""
    panic_until_boot_ms: int
    """When every profile does more than watch again; 0: now."""
    hugepages: bool
    capacities: Capacities
    connections: ConnectionStats
    countries: CountriesStats | None
    """None: there is no database."""
    rules: RulesStats
    http: HttpStats
    scans: ScanStats
    detection: DetectionStats
    rule_groups: Sequence[GroupStats]
    """Of the WAF's rules; those without a group are one of them."""
    cpu_busy_percent: float
    latency_mean_ns: int
    request_latency_mean_ns: int
    """Of HTTP requests, last 10 s."""
    requests_per_second: float
    """HTTP requests, at the pace of the last full second."""
    memory_bytes: int
    events_lost: int
    ports: Mapping[str, PortStats]
    """By name: outside, inside."""
    neighbors_beyond: Mapping[str, int]
    """What named neighbours have sent and was judged all the same, being too much; by protocol."""
    origins: Mapping[str, OriginStats]
    """By kind: answer, retry, reset."""
    latency: LatencyHistogram
    """Of packets: received to transmitted."""
    request_latency: LatencyHistogram
    """Of HTTP requests: complete to transmitted."""
    response_time: LatencyHistogram
    """Of HTTP requests: transmitted to the first byte of the response."""
    lcores: tuple[LcoreStats, ...]
    reasons: tuple[ReasonCount, ...]
    """Cells that ever counted."""
    rejected_count: int
    rejected: tuple[Rejected, ...]
    """The newest, oldest first."""
    links: LinksStats = field(default_factory=LinksStats)
    drain: DrainStats = field(default_factory=DrainStats)

    @property
    def attacks_blocked(self) -> int:
        """Incidents of which something was dropped, and requests that the WAF has blocked.

        Each such request is refused once.
        """
        cells = (each for each in self.reasons if each.mode == "enforce")
        requests = sum(each.packets for each in cells if each.reason == _WAF_RULE)
        return requests + self.detection.blocked

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """Whether a revision of that database is what packets meet now.

        ``of_rules``: it changes rules of the WAF, and those have to be compiled too.
        """
        return (
            self.database_id == database_id
            and self.applied_through >= revision
            and self.loading != revision
            and (not of_rules or self.rules.through >= revision)
        )
