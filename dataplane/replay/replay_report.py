"""The results of a replay as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PortReport:
    """Packets received on one side; received = forwarded + consumed + sum(dropped) + held."""

    received: int
    received_bytes: int
    forwarded: int
    consumed: int
    held: int
    dropped: Mapping[str, int]
    """Dropped packets by reason label; only reasons that counted."""


@dataclass(frozen=True)
class RuleReport:
    """The hits of one rule of the policy; packets of a reason that a later rule covers
    count there."""

    profile: str
    path: str
    """The rule's place in the document: ``rules[0]``, ``profiles[2].rules[1]``."""
    dropped: int
    would_drop: int


@dataclass(frozen=True)
class WafRuleReport:
    """A rule of the WAF that was hit."""

    line: int
    """Number of the rule in the rules file."""
    name: str | None
    pattern: str
    action: str
    hits: int
    """Number of requests."""


@dataclass(frozen=True)
class RequestHit:
    """A request that a rule would have hit; of several rules the first that blocks,
    else the first."""

    time_s: float
    """Time since the epoch, to a tenth of a second."""
    client: str
    destination: str
    profile: str
    line: int
    """Name of the rule."""
    action: str
    target: str
    request: str
    """The request line; secrets here and in the excerpt are masked."""
    excerpt: str


@dataclass(frozen=True)
class WafReport:
    """The hits of WAF rules."""

    requests: int
    """Requests that were seen."""
    hit: int
    """Requests that a rule hit."""
    not_inspected: int
    """Connections and requests that could not be inspected, or that the policy excludes."""
    rules: Sequence[WafRuleReport]
    hits: Sequence[RequestHit]
    unlisted: int
    """Hit requests that are not in ``hits``, because there were too many."""


@dataclass(frozen=True)
class ReplayReport:
    """Verdicts over a whole capture; counts are packets."""

    packets: int
    duration_ns: int
    """Time from the first packet to the newest timestamp."""
    forwarded: int
    dropped: Mapping[str, int]
    would_drop: Mapping[str, int]
    """By reason label: hits of reasons in monitor mode; these packets went on."""
    rules: Sequence[RuleReport]
    """Rules of the policy, profile by profile."""
    ports: Mapping[str, PortReport]
    link_scope: int
    link_other: int
    """Part of these: packets that are neither IP nor link control, so that their content is not
    judged."""
    encapsulated: int
    """Packets inside MPLS, a PPPoE session or a tunnel: the inner packet is judged, except
    for connections and HTTP."""
    allowed: int
    """Packets of clients on the allowlist; sanity judged them before."""
    neighbors: int
    """Packets from or to routers of the policy, by an allowed protocol: judged by sanity and lists
    only."""
    cut: int
    cut_unjudged: int
    """Packets cut within their headers: forwarded without judgement."""
    inside_both: int
    inside_neither: int
    no_address: int
    clock_backwards: int
    tso: int
    """Packets captured before the NIC segmented them: IP length 0. Judged by the length of the
    frame."""
    big_tcp: int
    """The same for packets with more than 65,535 bytes: judged as if they had so many."""
    checksum_unfinished: int
    """TCP checksums that a NIC was to complete: counted as right."""
    surplus: int
    """Packets with bytes after the IP packet that are not padding; these bytes are not counted."""
    syns_auto: int
    """Forwarded SYNs from outside that a node would answer after a flood has switched on its SYN
    proxy: a replay has none."""
    syns_always: int
    """SYNs that a node would always answer."""
    waf: WafReport | None = None
    """None: no rules were given."""

    @property
    def balanced(self) -> bool:
        """Whether the ledger holds for both ports."""
        return all(
            port.received == port.forwarded + port.consumed + sum(port.dropped.values()) + port.held
            for port in self.ports.values()
        )
