"""Bodies of status, statistics and health. ``null``: not known, or this part does not exist yet."""

from __future__ import annotations

from typing import Literal

from api.common.contract.schemas import Strict, Timestamp
from api.management.drain.schemas import DrainState
from api.management.policy.schemas import FleetBody

ModeName = Literal["tcp", "syn", "l7"]


class Connections(Strict):
    """Number of connections: tracked now, and since the data plane started; null while it is
    away."""

    active: int | None
    total: int | None


class AttackNow(Strict):
    """An active attack. The rates are those of its target, including dropped packets."""

    id: str
    type: str
    target: str
    profile: str
    action: str
    packets_per_second: int
    bits_per_second: int


class AttacksNow(Strict):
    """Active attacks, and the number of attacks without room among them since the start; null while
    the data plane is away."""

    active: int | None
    suppressed: int | None
    heaviest: list[AttackNow]
    """At most ten, by number of packets."""


class ProfileMode(Strict):
    """A profile that enforces nothing."""

    profile: str
    mode: Literal["monitor", "off"]


class PolicyNow(Strict):
    """The newest policy; ``mode`` is that of its default profile."""

    name: str
    mode: Literal["enforce", "monitor", "off"]
    revision: int
    """0: no policy was set."""
    not_enforced: list[ProfileMode]
    """Including the default profile; at most a hundred."""


class RatesNow(Strict):
    """Rates of both ports together, in the last second."""

    received_packets_per_second: int
    received_bits_per_second: int
    forwarded_packets_per_second: int
    consumed_packets_per_second: int
    """Packets answered or absorbed by the node."""
    dropped_packets_per_second: int


class ProtectedBody(Strict):
    """An address for which the SYN proxy is on; null: all addresses of the profile."""

    profile: str
    address: str | None


class SynProxyNow(Strict):
    """The state of the SYN proxy: the profiles with it, and the addresses for which it is on
    now."""

    profiles: int
    """Profiles that have it: ``auto`` or ``always``."""
    always: list[str]
    """Profiles for which it is always on; at most a hundred."""
    on_count: int
    """Number of addresses and profiles for which ``auto`` has switched it on; an address may count
    once for each lcore. 0: there are none."""
    on_for: list[ProtectedBody]
    """The first of these addresses."""


class RevisionPair(Strict):
    """The newest revision committed, and the newest applied by the data plane."""

    committed: int
    applied: int | None


class CountriesBody(Strict):
    """The country database in use: the date of its data, and ranges of each family."""

    date: Timestamp
    ranges_ipv4: int
    ranges_ipv6: int


class StorageBody(Strict):
    """The state of the storage, and the free space of its fullest disk."""

    writable: bool
    cause: str | None
    free_bytes: int
    size_bytes: int


class PanicState(Strict):
    """Panic mode: until that time, every profile only monitors."""

    until: Timestamp
    by: str
    reason: str | None


class PortLinkBody(Strict):
    """One port's link; it is not up while the node holds it down."""

    up: bool
    held: bool
    can_be_held: bool


class LinksBody(Strict):
    """The state of the ports' links, and its duration in seconds."""

    state: Literal["settling", "watching", "lost", "holding", "drained"]
    seconds: float
    loss_forwarding: Literal["off", "on"]
    ports: dict[str, PortLinkBody]


class StatusBody(Strict):
    """State and health of the node."""

    status: Literal["starting", "running", "draining", "degraded"]
    mode: ModeName
    mode_configured: Literal["tcp", "syn", "l7", "auto"]
    uptime_seconds: int
    policy: PolicyNow
    rates: RatesNow | None
    """null: the data plane is away."""
    connections: Connections
    attacks: AttacksNow
    syn_proxy: SynProxyNow | None
    """null: the data plane is away."""
    health: Literal["healthy", "degraded", "unhealthy"]
    reasons: list[str]
    dataplane_error: str | None
    """The error of its last start, while the data plane is away; null: none is known."""
    revision: RevisionPair
    database_id: str
    countries: CountriesBody | None
    storage: StorageBody
    links: LinksBody | None
    """null: the data plane is away."""
    panic: PanicState | None
    fleet: FleetBody | None
    """The source of the policy; null: the node's own."""
    drain: DrainState | None
    overlays: int
    """Overlays of the policy, panic mode among them."""
    version: str


class PortBody(Strict):
    """The ledger of one port: without packets in flight, received = forwarded + consumed + all
    dropped + held_now."""

    received: int
    received_bytes: int
    forwarded: int
    forwarded_bytes: int
    consumed: int
    held_now: int
    dropped: int
    dropped_bytes: int
    missed: int
    errors: int
    no_mbuf: int
    tx_errors: int
    link_up: bool
    speed_mbps: int


class CapacityBody(Strict):
    """The used places of a table, and their maximum."""

    used: int
    max: int


class ListsBody(Strict):
    """The tables of both lists; prefixes per family."""

    addresses: CapacityBody
    prefixes_ipv4: CapacityBody
    prefixes_ipv6: CapacityBody


class StatsBody(Strict):
    """Counters since the data plane started; ``latency_ms`` is a mean over the last 10 s."""

    packets_processed: int
    packets_dropped: int
    dropped_by_reason: dict[str, int]
    would_drop_by_reason: dict[str, int]
    link_by_kind: dict[str, int]
    """Received packets of link control or not IP, which no stage judges."""
    encapsulated_by_kind: dict[str, int]
    """Received packets of an encapsulation that was to be judged inside, or refused."""
    neighbors_by_protocol: dict[str, int]
    """Exempt packets of neighbours that the policy names; see its ``neighbors``."""
    connections_by_profile: dict[str, int]
    """Connections tracked now; profiles without any are left out."""
    attacks_blocked: int | None
    requests_per_second: float | None
    latency_ms: float
    latency_of: Literal["packet", "request"]
    cpu_percent: float
    memory_mb: float
    ports: dict[str, PortBody]
    lists: ListsBody


class HealthBody(Strict):
    """The process answers."""

    status: Literal["live", "ready"]
