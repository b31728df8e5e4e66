"""What the stages look at and count, and the ways in which they can decide.

A node is shared by all its lcores; counters belong to the lcore that counts. The ledger that they
keep, for each port that received: received = forwarded + consumed + dropped + held_now. Whoever
transmits counts what is forwarded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from dataplane.abi import (
    SYN_RATE_DEFAULT,
    FlowState,
    Mode,
    Origin,
    PacketFlag,
    Port,
    Reason,
    Scope,
    Stage,
    SynProxy,
    Unit,
    Verdict,
)
from dataplane.model.packet import Packet
from dataplane.model.tables import Countries, Lists
from dataplane.model.tcp_state import Flow

if TYPE_CHECKING:
    from dataplane.model.syn_proxy import HostOptions, Opening
    from dataplane.model.syn_watch import Destination


@dataclass(frozen=True)
class Time:
    """When a burst is judged; both count from when the machine was booted."""

    boot_ds: int
    """Tenths of a second: deadlines of list entries."""
    ns: int = 0
    """Nanoseconds: tokens of limits."""


@dataclass(frozen=True)
class Limit:
    """A token bucket, its tokens expressed as the time that they take to come in.

    Times are nanoseconds with 16 fractional bits.
    """

    reason: Reason
    increment_q16: int
    """What a packet or a bit costs: the time in which one comes in."""
    burst_q16: int
    """What a full bucket holds."""
    scope: Scope
    unit: Unit = Unit.PACKETS
    icmp_only: bool = False
    bits_ipv4: int = 32
    """Of an address that are told apart; those behind them are taken together."""
    bits_ipv6: int = 128


@dataclass(frozen=True)
class PortRule:
    """Destination ports that are refused, or all but which are: first and last of each range."""

    ranges: tuple[tuple[int, int], ...]
    is_deny: bool = False

    def refuses(self, port: int) -> bool:
        """Whether it refuses a destination port."""
        inside = any(first <= port <= last for first, last in self.ranges)
        return inside is self.is_deny


@dataclass
class Profile:
    """What protects one set of destinations: a mode for each reason; those not named enforce."""

    mode: dict[Reason, Mode] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    fragments: bool = False
    """Whether they are refused."""
    ports_tcp: PortRule | None = None
    ports_udp: PortRule | None = None
    reflectors: dict[int, int] = field(default_factory=dict)
    """Smallest refused UDP datagram in bytes, by its source port."""
    geo_block: frozenset[int] = frozenset()
    """Numbers of countries that are refused."""
    geo_allow: frozenset[int] | None = None
    """Of those that alone are taken; None: all are."""
    connections_max: int = 0
    """That one source may have established; 0: any number."""
    syn_proxy: SynProxy = SynProxy.OFF
    syn_rate: int = SYN_RATE_DEFAULT
    """AUTO: more SYNs a second to one destination switch it on."""

    def refuses_tcp(self, port: int) -> bool:
        """Whether a destination port is refused."""
        return self.ports_tcp is not None and self.ports_tcp.refuses(port)

    def refuses_udp(self, port: int) -> bool:
        """Whether a destination port is refused."""
        return self.ports_udp is not None and self.ports_udp.refuses(port)


@dataclass
class Node:
    """The state of a node."""

    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    targets: list[tuple[IPv4Network | IPv6Network, int]] = field(default_factory=list)
    """Protected prefixes, each with the index of its profile."""
    lists: Lists | None = None
    """None: a pipeline without lists, as in a replay."""
    countries: Countries | None = None
    """None: no database."""
    lcore_count: int = 1
    owner_key: tuple[int, int] = (0, 0)
    """128 secret bits, drawn at each start."""
    timeouts_ds: dict[FlowState, int] = field(default_factory=dict)
    """Tenths of a second after which a connection without a packet is forgotten."""
    learning_until_ds: int = 0
    """Until then a connection may be met in its midst."""
    cookie_slot: int = 0
    """Of ``COOKIE_SLOT_S`` seconds since 1970; 0: no cookies."""
    cookie_keys: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    """By epoch modulo 2."""


@dataclass(frozen=True)
class Outgoing:
    """A frame of the node's own, or a packet that was held: passed on, or absorbed."""

    packet: Packet
    """Leaves by the port that is not its own, if its verdict is PASS."""
    origin: Origin | None
    """None: it was held."""


@dataclass
class PortCounters:
    """Of the packets that one port received."""

    received: int = 0
    received_bytes: int = 0
    held_now: int = 0
    """Counted up by the lcore that received, down by the one that took over: below zero at times;
    only the sum over all lcores means something."""
    consumed: int = 0
    dropped: Counter[Reason] = field(default_factory=Counter)
    dropped_bytes: int = 0


@dataclass
class Lcore:
    """One worker: the packets it receives meet its stages, and it counts what becomes of them."""

    node: Node
    index: int = 0
    port: dict[Port, PortCounters] = field(
        default_factory=lambda: {port: PortCounters() for port in Port}
    )
    entered: Counter[Stage] = field(default_factory=Counter)
    dropped: Counter[Stage] = field(default_factory=Counter)
    misrouted: int = 0
    """Packets that arrived here and belong to another lcore."""
    count: Counter[tuple[int, Reason, Mode]] = field(default_factory=Counter)
    """By profile, reason and mode. MONITOR: would have been dropped; ENFORCE: was dropped."""
    full_at: dict[Hashable, int] = field(default_factory=dict)
    """When each bucket of ``limits`` that was ever used is full again; see `Limit` for the unit."""
    tracks: bool = False
    """Whether it has room for connections."""
    flows: dict[Hashable, Flow] = field(default_factory=dict)
    flows_opened: int = 0
    proven_of: Counter[object] = field(default_factory=Counter)
    """How many proven connections each source has."""
    proxies: bool = False
    """Whether it has room for what the SYN proxy remembers, which is the next five."""
    openings: list[Opening] = field(default_factory=list)
    openings_max: int = 0
    held_max: int = 0
    hosts: dict[Hashable, HostOptions] = field(default_factory=dict)
    destinations: dict[bytes, Destination] = field(default_factory=dict)
    """How protected addresses of profiles with AUTO are sent SYNs."""
    held: int = 0
    """Packets that wait for a protected host to answer."""
    answered_ds: int | None = None
    """When a SYN was last answered."""
    asked_ds: int | None = None
    """When one was last let through to learn from its answer."""
    accepted: int = 0
    failed: int = 0
    outbox: list[Outgoing] = field(default_factory=list)
    """What has been sent beside the packets of the burst."""
    origin: Counter[Origin] = field(default_factory=Counter)


def drop(lcore: Lcore, packet: Packet, reason: Reason) -> None:
    """Drop a packet, whatever its profile says: the node could not forward it if it wanted to."""
    packet.verdict, packet.reason = Verdict.DROP, reason
    counters = lcore.port[packet.port]
    counters.dropped[reason] += 1
    counters.dropped_bytes += packet.length
    lcore.count[packet.profile, reason, Mode.ENFORCE] += 1


def is_judged(packet: Packet) -> bool:
    """Whether the stages that are about the client judge a packet.

    It comes from outside, its addresses can be read, and they are not on the allowlist, which beats
    all of these stages.
    """
    known = packet.port is Port.OUTSIDE and packet.ip_version != 0
    return known and PacketFlag.ALLOWED not in packet.flags


def mode_of(lcore: Lcore, packet: Packet, reason: Reason) -> Mode:
    """The mode of a reason in the profile that protects the packet's destination."""
    return lcore.node.profiles[packet.profile].mode.get(reason, Mode.ENFORCE)


def reject(lcore: Lcore, packet: Packet, reason: Reason) -> bool:
    """Raise a reason against a packet; the mode of the reason decides. Whether it was dropped.

    OFF: nothing happens. MONITOR: the packet goes on, and the first reason that would have dropped
    it is counted, no other. ENFORCE: dropped. Off and monitor shield a packet from nothing: whoever
    calls this goes on to the next reason when the answer is False.
    """
    mode = mode_of(lcore, packet, reason)
    if mode is Mode.ENFORCE:
        drop(lcore, packet, reason)
        return True
    if mode is Mode.MONITOR and PacketFlag.WOULD_DROP not in packet.flags:
        packet.flags |= PacketFlag.WOULD_DROP
        lcore.count[packet.profile, reason, Mode.MONITOR] += 1
    return False


def hold(lcore: Lcore, packet: Packet) -> None:
    """Keep a packet for the lcore that owns its client, ``packet.owner``."""
    packet.verdict = Verdict.HELD
    lcore.port[packet.port].held_now += 1
    lcore.misrouted += 1
