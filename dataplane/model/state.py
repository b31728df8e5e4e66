"""The data that the stages read and count.

This module imports no stage. All lcores share the node; connections and counters belong to one
lcore each.
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
    """The time at which a burst is judged; both fields count from the boot of the machine."""

    boot_ds: int
    """Tenths of a second, for deadlines of list entries."""
    ns: int = 0
    """Nanoseconds, for tokens of limits."""


@dataclass
class Node:
    """The state of a node."""

    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    targets: list[tuple[IPv4Network | IPv6Network, int]] = field(default_factory=list)
    """Protected prefixes, each with the index of its profile."""
    neighbors: list[tuple[IPv4Network | IPv6Network, frozenset[Neighbor]]] = field(
        default_factory=list
    )
    """Outside routers of the policy, with their allowed protocols."""
    lists: Lists | None = None
    """None: a pipeline without lists, as in a replay."""
    countries: Countries | None = None
    """None: there is no database."""
    rules: tuple[re.Pattern[bytes], ...] = ()
    """WAF rules: each blocks, wherever in a request it matches."""
    lcore_count: int = 1
    owner_key: tuple[int, int] = (0, 0)
    """128 secret bits, generated at each start."""
    timeouts_ds: dict[FlowState, int] = field(default_factory=dict)
    """Timeouts in tenths of a second, after which a connection without a packet is forgotten."""
    learning_until_ds: int = 0
    """Until then connections are picked up."""
    cookie_slot: int = 0
    """Number of the slot of ``COOKIE_SLOT_S`` seconds since 1970; 0: no cookies. See
    `Lcore.cookie_slot`."""
    cookie_keys: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    """Secrets by epoch modulo 2."""
    path_mtu_full_at_ns: int = 0
    """Time at which the bucket of `path_mtu` is full again."""


@dataclass
class Side:
    """The limits of what one side of a connection may send."""

    end: int = 0
    """The highest sequence number that it has sent, plus one."""
    limit: int = 0
    """The limit of what it may send, by the other side's window. For the opener until the answer:
    the lowest acknowledgment that fits, that is of the SYN without its data."""
    window: int = 0
    """The largest window that it has offered, in bytes."""
    scale: int | None = None
    """Scale of its windows; until both SYNs are seen, the one that its SYN has offered."""
    has_finished: bool = False
    """Has sent a FIN, the last one of which is before ``end``."""
    is_fin_acked: bool = False
    """The other side has acknowledged the FIN."""
    has_answered: bool = False
    """Has acknowledged the other side's SYN."""


class HttpRecord:
    """The inspection's record of a connection; its stage has the rest."""

    is_over: bool = False
    """The connection has ended, and the record belongs to none."""


@dataclass
class Flow:
    """One connection; for UDP and ICMP only the first three fields have a meaning."""

    state: FlowState
    opener: Port
    deadline_ds: int = 0
    side: dict[Port, Side] = field(default_factory=lambda: {port: Side() for port in Port})
    is_liberal: bool = False
    """Picked up: its windows are unknown."""
    is_proven: bool = False
    """Proven: the client has shown that it receives packets."""
    opening: Opening | None = None
    """State of the SYN proxy while it waits for the protected host."""
    is_translated: bool = False
    sequence_delta: int = 0
    """The client's view of the host's numbers minus the host's numbers."""
    time_delta: int | None = None
    """The same difference for timestamps; None: there are no timestamps."""
    announced_scale: int = 0
    """Shift of the host's windows for the client."""
    offers_times: bool = False
    """The client's SYN has one."""
    offers_sack: bool = False
    offers_scale: bool = False
    client_first: int = 0
    """Sequence number of the first byte that the client sends."""
    http: HttpRecord | None = None
    """None: the connection is not inspected."""
    source: object = None
    """The source under which a proven connection is counted; None: not counted."""

    @property
    def is_ended(self) -> bool:
        """Whether no side can send any more: a valid RST, or both FINs acknowledged."""
        are_acked = all(side.is_fin_acked for side in self.side.values())
        return self.state is FlowState.RESET or (self.state is FlowState.CLOSED and are_acked)

    @property
    def is_half_open(self) -> bool:
        """A client's SYN has gone to the protected host, and the client is not proven yet."""
        is_early = self.state in {FlowState.SYN_SENT, FlowState.SYN_RECEIVED}
        return is_early and self.opener is Port.OUTSIDE and not self.is_proven


@dataclass
class HostOptions:
    """The options with which a protected address and port has answered SYNs."""

    mss: int
    ip: IpFields
    """IP header fields of its packets."""
    ask_ds: int
    """Time from which it may be asked again, if it lacks an option."""
    scale: int | None = None
    has_times: bool | None = None
    """Whether the host answers with timestamps; None: no SYN has asked for them."""
    may_sack: bool = False


@dataclass
class Opening:
    """A connection with a proven client whose host has not answered yet."""

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
    """The client's timestamp, and the one that was sent to the client."""
    may_sack: bool
    tries: int = 0
    held: list[Packet] = field(default_factory=list)


@dataclass
class Allowance:
    """The number of passed SYNs of all that share this allowance."""

    window_ds: int
    """Start of its interval."""
    passed: int = 0


@dataclass
class Destination:
    """SYNs to a protected address, or to a whole profile, in the present second."""

    window_ds: int
    """Start of the present second."""
    syns: int = 0
    completed: int = 0
    on_until_ds: int = 0


@dataclass(frozen=True)
class OwnFrame:
    """A frame that the node originates."""

    data: bytes
    port: Port
    """The port of the side that the frame appears to come from; it leaves through the other
    port."""
    kind: Origin


@dataclass
class PortCounters:
    """Counters of the packets that one port received."""

    received: int = 0
    received_bytes: int = 0
    held_now: int = 0
    """Incremented by the receiving lcore, decremented by the lcore that took over: it may be
    negative; only the sum over all lcores has a meaning."""
    consumed: int = 0
    dropped: Counter[Reason] = field(default_factory=Counter)
    dropped_bytes: int = 0


@dataclass
class Lcore:
    """One worker: runs the stages on its received packets, and counts the results."""

    node: Node
    index: int = 0
    port: dict[Port, PortCounters] = field(
        default_factory=lambda: {port: PortCounters() for port in Port}
    )
    entered: Counter[Stage] = field(default_factory=Counter)
    dropped: Counter[Stage] = field(default_factory=Counter)
    misrouted: int = 0
    """Received packets that belong to another lcore."""
    link: Counter[tuple[Port, Link]] = field(default_factory=Counter)
    """Received packets of link control or not IP."""
    inner: Counter[tuple[Port, Encapsulation]] = field(default_factory=Counter)
    """Received encapsulated packets that are judged."""
    neighbor: Counter[tuple[Port, Neighbor]] = field(default_factory=Counter)
    """Packets from or to neighbours that were exempt."""
    neighbor_beyond: Counter[Neighbor] = field(default_factory=Counter)
    """Packets of neighbours that were judged because they exceeded the budget."""
    count: Counter[tuple[int, Reason, Mode]] = field(default_factory=Counter)
    """Packets by profile, reason and mode. MONITOR: would have been dropped; ENFORCE: was
    dropped."""
    reflectors: frozenset[int] = frozenset()
    """UDP source ports whose datagrams count as amplification."""
    traffic: Counter[tuple[bytes | int, TrafficKind]] = field(default_factory=Counter)
    """Packets by protected address (16 bytes, IPv4 mapped); packets without one by profile."""
    traffic_bytes: Counter[bytes | int] = field(default_factory=Counter)
    full_at: dict[Hashable, int] = field(default_factory=dict)
    """When each used bucket of ``limits`` is full again; see `Limit` for the unit."""
    tracks: bool = False
    """Whether the lcore has memory for connections."""
    flows: dict[Hashable, Flow] = field(default_factory=dict)
    flows_opened: int = 0
    proven_of: Counter[object] = field(default_factory=Counter)
    """Number of proven connections of each source."""
    inspects: bool = False
    """Whether the lcore has memory for HTTP."""
    incident_key: tuple[int, int] = (0, 0)
    incidents: int = 0
    """Requests that were refused, and those with a matching rule that a mode let pass."""
    cookie_slot: int = 0
    """The node's slot at the begin of the present burst, even if it changes meanwhile."""
    proxies: bool = False
    """Whether the lcore has memory for the SYN proxy, that is for the next eight fields."""
    openings: list[Opening] = field(default_factory=list)
    openings_max: int = 0
    held_max: int = 0
    hosts: dict[Hashable, HostOptions] = field(default_factory=dict)
    destinations: dict[bytes, Destination] = field(default_factory=dict)
    """SYN counters of protected addresses of profiles with AUTO."""
    profiles: dict[int, Destination] = field(default_factory=dict)
    """SYN counters of each of these profiles."""
    asked: dict[Hashable, Allowance] = field(default_factory=dict)
    """SYNs that were passed to ports which have never answered."""
    unanswerable: dict[Hashable, Allowance] = field(default_factory=dict)
    """SYNs that the proxy can't answer, by protected address."""
    held: int = 0
    """Packets held until a protected host answers."""
    answered_ds: int | None = None
    """Time of the last answered SYN."""
    bad_checksum: int = 0
    """RST and FIN without effect, because their checksum is wrong."""
    accepted: int = 0
    failed: int = 0
    own: list[OwnFrame] = field(default_factory=list)
    """Frames sent beside the packets of the burst; the caller of the stages takes them."""
    released: list[Packet] = field(default_factory=list)
    """Released packets that were held."""
    origin: Counter[Origin] = field(default_factory=Counter)
