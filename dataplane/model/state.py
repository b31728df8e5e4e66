"""What the stages look at and count.

At the foot of the model: imports no stage. A node is shared by all its lcores; connections and
counters belong to the lcore that has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from dataplane.model.packet import Packet
from dataplane.model.policy import Profile
from dataplane.model.tables import Countries, Lists
from dataplane.model.tcp_frame import IpFields
from dataplane.native.abi import (
    Encapsulation,
    FlowState,
    Link,
    Mode,
    Neighbor,
    Origin,
    Port,
    Reason,
    Stage,
    TrafficKind,
)


@dataclass(frozen=True)
class Time:
    """When a burst is judged; both count from when the machine was booted."""

    boot_ds: int
    """Tenths of a second: deadlines of list entries."""
    ns: int = 0
    """Nanoseconds: tokens of limits."""


@dataclass
class Node:
    """The state of a node."""

    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    targets: list[tuple[IPv4Network | IPv6Network, int]] = field(default_factory=list)
    """Protected prefixes, each with the index of its profile."""
    neighbors: list[tuple[IPv4Network | IPv6Network, frozenset[Neighbor]]] = field(
        default_factory=list
    )
    """Routers outside that the policy names, and what each may say."""
    lists: Lists | None = None
    """None: a pipeline without lists, as in a replay."""
    countries: Countries | None = None
    """None: no database."""
    rules: tuple[re.Pattern[bytes], ...] = ()
    """Of the WAF: each blocks, wherever in a request it matches."""
    lcore_count: int = 1
    owner_key: tuple[int, int] = (0, 0)
    """128 secret bits, drawn at each start."""
    timeouts_ds: dict[FlowState, int] = field(default_factory=dict)
    """Tenths of a second after which a connection without a packet is forgotten."""
    learning_until_ds: int = 0
    """Until then a connection may be met in its midst."""
    cookie_slot: int = 0
    """Of ``COOKIE_SLOT_S`` seconds since 1970; 0: no cookies. See `Lcore.cookie_slot`."""
    cookie_keys: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    """By epoch modulo 2."""
    path_mtu_full_at_ns: int = 0
    """When the bucket of `path_mtu` is full again."""


@dataclass
class Side:
    """What one side of a connection may send."""

    end: int = 0
    """The highest sequence number that it has sent, and one more."""
    limit: int = 0
    """How far the other side has let it send. Of the opener until the answer: the lowest
    acknowledgment that fits, which is of the SYN without its data."""
    window: int = 0
    """The largest that it has offered, in bytes."""
    scale: int | None = None
    """Of its windows; what its SYN has offered until both have."""
    has_finished: bool = False
    """Has sent a FIN, the last of which is before ``end``."""
    is_fin_acked: bool = False
    """By the other side."""
    has_answered: bool = False
    """Has acknowledged the other's SYN."""


class HttpRecord:
    """What inspection knows of a connection; its stage has the rest."""

    is_over: bool = False
    """The connection has ended: it is nobody's."""


@dataclass
class Flow:
    """One connection; of UDP and ICMP only the first three fields mean something."""

    state: FlowState
    opener: Port
    deadline_ds: int = 0
    side: dict[Port, Side] = field(default_factory=lambda: {port: Side() for port in Port})
    is_liberal: bool = False
    """Met in its midst: nobody knows its windows."""
    is_proven: bool = False
    """The client has shown that it receives what is sent to it."""
    opening: Opening | None = None
    """What the SYN proxy knows while it waits for the protected host."""
    is_translated: bool = False
    sequence_delta: int = 0
    """What the client sees, less what the host sends."""
    time_delta: int | None = None
    """The same of timestamps; None: there are none."""
    announced_scale: int = 0
    """To the client, of the host's windows."""
    offers_times: bool = False
    """The client's SYN does."""
    offers_sack: bool = False
    offers_scale: bool = False
    client_first: int = 0
    """Number of the first byte that the client sends."""
    http: HttpRecord | None = None
    """None: it is not inspected."""
    source: object = None
    """Under which a proven connection is counted; None: not counted."""

    @property
    def is_ended(self) -> bool:
        """Neither side has anything to say: a RST in place, or both FINs acknowledged."""
        are_acked = all(side.is_fin_acked for side in self.side.values())
        return self.state is FlowState.RESET or (self.state is FlowState.CLOSED and are_acked)

    @property
    def is_half_open(self) -> bool:
        """A client's SYN has gone to the protected host, and nothing has proven the client yet."""
        is_early = self.state in {FlowState.SYN_SENT, FlowState.SYN_RECEIVED}
        return is_early and self.opener is Port.OUTSIDE and not self.is_proven


@dataclass
class HostOptions:
    """What a protected address and port has answered SYNs with."""

    mss: int
    ip: IpFields
    """Of its packets."""
    ask_ds: int
    """From when on it may be asked again, if it lacks something."""
    scale: int | None = None
    has_times: bool | None = None
    """None: no SYN has asked."""
    may_sack: bool = False


@dataclass
class Opening:
    """A connection whose client has proven itself, and whose host has not answered yet."""

    key: Hashable
    source: Hashable
    destination: Hashable
    retry_ds: int
    client_isn: int
    cookie: int
    mss: int
    window: int
    scale: int | None
    announced_scale: int
    times: tuple[int, int] | None
    """The client's time, and what it was told."""
    may_sack: bool
    tries: int = 0
    held: list[Packet] = field(default_factory=list)


@dataclass
class Allowance:
    """How many SYNs have passed of those that share it."""

    window_ds: int
    """When its time began."""
    passed: int = 0


@dataclass
class Destination:
    """How a protected address is sent SYNs, or all of a profile are, in the second that runs."""

    window_ds: int
    """When that began."""
    syns: int = 0
    completed: int = 0
    on_until_ds: int = 0


@dataclass(frozen=True)
class OwnFrame:
    """A frame of the node's own."""

    data: bytes
    port: Port
    """It leaves by the other one."""
    kind: Origin


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
    link: Counter[tuple[Port, Link]] = field(default_factory=Counter)
    """What has come in that is of the link or not IP."""
    inner: Counter[tuple[Port, Encapsulation]] = field(default_factory=Counter)
    """What has come in inside of an encapsulation, to be judged."""
    neighbor: Counter[tuple[Port, Neighbor]] = field(default_factory=Counter)
    """What has come in from or to neighbours that nobody has judged."""
    neighbor_beyond: Counter[Neighbor] = field(default_factory=Counter)
    """What was judged all the same, as there was too much of it."""
    count: Counter[tuple[int, Reason, Mode]] = field(default_factory=Counter)
    """By profile, reason and mode. MONITOR: would have been dropped; ENFORCE: was dropped."""
    reflectors: frozenset[int] = frozenset()
    """UDP ports from which datagrams count as amplification."""
    traffic: Counter[tuple[bytes | int, TrafficKind]] = field(default_factory=Counter)
    """By protected address (16 bytes, IPv4 mapped); of what has none, by its profile."""
    traffic_bytes: Counter[bytes | int] = field(default_factory=Counter)
    full_at: dict[Hashable, int] = field(default_factory=dict)
    """When each bucket of ``limits`` that was ever used is full again; see `Limit` for the unit."""
    tracks: bool = False
    """Whether it has room for connections."""
    flows: dict[Hashable, Flow] = field(default_factory=dict)
    flows_opened: int = 0
    proven_of: Counter[object] = field(default_factory=Counter)
    """How many proven connections each source has."""
    inspects: bool = False
    """Whether it has room for HTTP."""
    incident_key: tuple[int, int] = (0, 0)
    incidents: int = 0
    """Requests refused, and those that a mode has let pass for a rule."""
    cookie_slot: int = 0
    """Of the burst at hand: the node's when it began, whenever that moves on."""
    proxies: bool = False
    """Whether it has room for what the SYN proxy remembers, which is the next eight."""
    openings: list[Opening] = field(default_factory=list)
    openings_max: int = 0
    held_max: int = 0
    hosts: dict[Hashable, HostOptions] = field(default_factory=dict)
    destinations: dict[bytes, Destination] = field(default_factory=dict)
    """How protected addresses of profiles with AUTO are sent SYNs."""
    profiles: dict[int, Destination] = field(default_factory=dict)
    """How all addresses of each of these profiles are."""
    asked: dict[Hashable, Allowance] = field(default_factory=dict)
    """SYNs that have gone to ports which have never answered."""
    unanswerable: dict[Hashable, Allowance] = field(default_factory=dict)
    """SYNs that the proxy can't answer, by protected address."""
    held: int = 0
    """Packets that wait for a protected host to answer."""
    answered_ds: int | None = None
    """When a SYN was last answered."""
    bad_checksum: int = 0
    """RST and FIN that had no effect, as theirs is wrong."""
    accepted: int = 0
    failed: int = 0
    own: list[OwnFrame] = field(default_factory=list)
    """What has been sent beside the packets of the burst; whoever runs the stages takes it."""
    released: list[Packet] = field(default_factory=list)
    """The same of packets that were held."""
    origin: Counter[Origin] = field(default_factory=Counter)
