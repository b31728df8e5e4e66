"""Bodies of status, statistics and health. ``null``: not known, or no such part yet."""

from __future__ import annotations

from typing import Literal

from api.common.contract.schemas import Strict, Timestamp
from api.management.drain.schemas import DrainState
from api.management.policy.schemas import FleetBody

ModeName = Literal["tcp", "syn", "l7"]


class Connections(Strict):
    """Tracked now, and since the data plane started; null while it is away."""

    active: int | None
    total: int | None


class AttackNow(Strict):
    """An attack that goes on; rates to its target, those that are dropped among them."""

    id: str
    type: str
    target: str
    profile: str
    action: str
    packets_per_second: int
    bits_per_second: int


class AttacksNow(Strict):
    """Attacks that go on, and those that found no place among them, ever; null while the data plane
    is away."""

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
    """Profiles with the default one among them; at most a hundred."""


class RatesNow(Strict):
    """Of both ports together, at the pace of the last second."""

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
    """Whether the SYN proxy answers for any address now."""

    profiles: int
    """Profiles that have it: ``auto`` or ``always``."""
    always: list[str]
    """Profiles for which it is always on; at most a hundred."""
    on_count: int
    """How often ``auto`` has switched it on, each lcore by itself; 0: for nobody."""
    on_for: list[ProtectedBody]
    """The first of them."""


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
    """Whether the storage can be written, and the room on its fullest disk."""

    writable: bool
    cause: str | None
    free_bytes: int
    size_bytes: int


class PanicState(Strict):
    """Panic mode: every profile monitors only, until then."""

    until: Timestamp
    by: str
    reason: str | None


class PortLinkBody(Strict):
    """One port's link; it is not up while the node holds it down."""

    up: bool
    held: bool
    can_be_held: bool


class LinksBody(Strict):
    """What is done about the ports' links, and since when in seconds."""

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
    """With what its last start has failed, while it is away; null: it has not said."""
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
    """One port's ledger: received = forwarded + consumed + all dropped + held_now at rest."""

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
    """Places in a table and how many are taken."""

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
    """What came in of neighbours that the policy names, and was let be; see ``neighbors``."""
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
