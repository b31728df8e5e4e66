"""A node's statistics as plain values, which ``dataplane.client`` reads from the shared pages.

Counters are sums over the lcores unless a field says otherwise. A reading is not a snapshot of one
instant: each counter is exact, but two counters may differ by a few packets.
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
"""The reason for which requests are refused that a rule blocks."""


@dataclass(frozen=True)
class PortStats:
    """The ledger of one receiving port.

    When no packet is in flight, received = forwarded + consumed + sum(dropped) + held_now.
    """

    name: str
    received: int
    received_bytes: int
    forwarded: int
    forwarded_bytes: int
    consumed: int
    held_now: int
    dropped: Mapping[str, int]
    """Dropped packets by reason label; only reasons that counted."""
    link: Mapping[str, int]
    """Received packets of link control or not IP, by kind (``link.def``)."""
    inner: Mapping[str, int]
    """Received packets of an encapsulation to be judged inside, or refused, by kind (``enum
    sb_encapsulation``)."""
    neighbors: Mapping[str, int]
    """Received packets of neighbours that were exempt, by protocol (``neighbor.def``)."""
    dropped_bytes: int
    missed: int
    errors: int
    no_mbuf: int
    tx_errors: int
    link_up: bool
    speed_mbps: int


@dataclass(frozen=True)
class TrafficRates:
    """Rates of both ports together, in the last second."""

    received_pps: int
    received_bps: int
    """Bits per second."""
    forwarded_pps: int
    consumed_pps: int
    """Answered or absorbed by the node."""
    dropped_pps: int


@dataclass(frozen=True)
class Protected:
    """An address for which ``syn = "auto"`` has switched the SYN proxy on."""

    profile: str
    address: str | None
    """None: all addresses of the profile."""


@dataclass(frozen=True)
class SynProxyOn:
    """All such addresses, in the last second."""

    count: int
    """Some addresses may count once for each lcore; 0: none."""
    shown: tuple[Protected, ...]
    """The first ones, each once."""


@dataclass(frozen=True)
class StageStats:
    """One stage on one lcore; cycles are measured for a sample of the bursts."""

    packets: int
    dropped: int
    sampled_packets: int
    sampled_cycles: int


@dataclass(frozen=True)
class OriginStats:
    """Packets that the node has originated: originated = sent + tx_full."""

    originated: int
    sent: int
    tx_full: int


@dataclass(frozen=True)
class LatencyHistogram:
    """Durations; ``buckets[i]`` counts those up to ``bounds_ns[i]``."""

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
    """One counter by profile, reason and mode."""

    profile: str
    """The profile's name; ``(removed)``: all removed profiles together."""
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
    """A change that could not be applied as a whole; the state before it stays."""

    revision: int
    error: str
    what: str
    """``policy``, ``import``, or ``prefixes``: those of the revision."""


@dataclass(frozen=True)
class RejectedRule:
    """A rule of the WAF that could not be put in force."""

    revision: int
    error: str
    rule: int
    """Number of the rule."""


Rejected: TypeAlias = RejectedEntry | RejectedRule | RejectedWhole


@dataclass(frozen=True)
class ConnectionStats:
    """The tracked connections."""

    active: int
    proven: int
    """Part of the active: proven connections."""
    opened: int
    """Connections since the start."""
    expired: int
    evicted: int
    """Unproven or ended connections that were replaced by newer ones."""
    untracked: int
    """Connections without room: all places around were taken by proven ones, or the profile's share
    was used up."""
    opening: int
    """Part of the active: the SYN proxy waits for the protected host."""
    accepted: int
    """Connections that the SYN proxy has opened, since the start."""
    failed: int
    """Openings that failed: refused, no answer, or given up by the client."""
    bad_checksum: int
    """RST and FIN of a connection with a wrong checksum: without effect."""
    proxied: int = 0
    """Part of the active: opened by the SYN proxy, and neither closed nor reset."""
    by_profile: Mapping[str, int] = field(default_factory=dict)
    """Active connections by the profile that has opened them; profiles without any are missing."""


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
    """Date of the data, seconds since 1970."""
    ranges_ipv4: int
    ranges_ipv6: int
    bytes: int
    """Memory of the table that packets are looked up in."""


@dataclass(frozen=True)
class RulesStats:
    """The rules of the WAF."""

    through: int
    """The rules of every revision up to this one are in force."""
    used: int
    max: int
    pending: int
    """Part of the used rules: not compiled into a database yet."""
    bytes: int
    """Memory of the databases that requests are matched against."""
    state: tuple[str, ...]
    """Names of ``enum sb_rules_state`` in lower case."""


@dataclass(frozen=True)
class NodeStats:
    """All statistics that the data plane publishes, in one reading."""

    state: str
    """starting, running or draining."""
    degraded: tuple[str, ...]
    """Names of ``enum sb_degraded`` in lower case; empty: healthy."""
    database_id: UUID | None
    applied_through: int
    loading: int
    uptime_s: float
    heartbeat_age_s: float
    """Time since the control loop's last turn."""
    pid: int
    tsc_hz: int
    rates: TrafficRates
    syn_proxy_on: SynProxyOn
    syn_proxy_profiles: int
    """Number of profiles with the SYN proxy."""
    http_profiles: int
    """Number of profiles with HTTP inspection."""
    overlays: int
    """Number of overlays in force."""
    panic_until_boot_ms: int
    """Time on the boot clock at which panic mode ends; 0: it is off."""
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
    """Groups of the WAF's rules; rules without a group count as one."""
    cpu_busy_percent: float
    latency_mean_ns: int
    request_latency_mean_ns: int
    """Mean of HTTP requests over the last 10 s."""
    requests_per_second: float
    """HTTP requests per second, in the last full second."""
    memory_bytes: int
    events_lost: int
    ports: Mapping[str, PortStats]
    """Statistics by name of the port: outside, inside."""
    neighbors_beyond: Mapping[str, int]
    """Packets of neighbours that were judged because they exceeded their budget, by protocol."""
    origins: Mapping[str, OriginStats]
    """Whether the request is confirmed: by ``force``, or in the orchestrator for entries of the
    fleet."""
    latency: LatencyHistogram
    """Latency of packets: received to transmitted."""
    request_latency: LatencyHistogram
    """Latency of HTTP requests: complete to transmitted."""
    response_time: LatencyHistogram
    """Latency of HTTP responses: request transmitted to the first byte of the response."""
    lcores: tuple[LcoreStats, ...]
    reasons: tuple[ReasonCount, ...]
    """Counters that are not 0."""
    rejected_count: int
    rejected: tuple[Rejected, ...]
    """The newest rejections, oldest first."""
    links: LinksStats = field(default_factory=LinksStats)
    drain: DrainStats = field(default_factory=DrainStats)

    @property
    def attacks_blocked(self) -> int:
        """Incidents with dropped packets, and requests that the WAF has blocked.

        Each such request counts once.
        """
        cells = (each for each in self.reasons if each.mode == "enforce")
        requests = sum(each.packets for each in cells if each.reason == _WAF_RULE)
        return requests + self.detection.blocked

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """Whether a revision of that database is in force.

        ``of_rules``: it changes WAF rules, which must be compiled too.
        """
        return (
            self.database_id == database_id
            and self.applied_through >= revision
            and self.loading != revision
            and (not of_rules or self.rules.through >= revision)
        )
