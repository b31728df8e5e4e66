"""What a replay has found, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PortReport:
    """What came in from one side; received = forwarded + consumed + sum(dropped) + held."""

    received: int
    received_bytes: int
    forwarded: int
    consumed: int
    held: int
    dropped: Mapping[str, int]
    """By reason label, only reasons that counted."""


@dataclass(frozen=True)
class RuleReport:
    """What one rule of the policy has come to; what a later rule took over is counted there."""

    profile: str
    path: str
    """Where it stands in the document: ``rules[0]``, ``profiles[2].rules[1]``."""
    dropped: int
    would_drop: int


@dataclass(frozen=True)
class WafRuleReport:
    """A rule of the WAF that was hit."""

    line: int
    """Of the rules file."""
    name: str | None
    pattern: str
    action: str
    hits: int
    """Requests."""


@dataclass(frozen=True)
class RequestHit:
    """A request that a rule would have hit; of several the first that blocks, or the first."""

    time_s: float
    """Since the epoch, to a tenth of a second."""
    client: str
    destination: str
    profile: str
    line: int
    """Of the rule."""
    action: str
    target: str
    request: str
    """The request line; secrets here and in the excerpt are masked."""
    excerpt: str


@dataclass(frozen=True)
class WafReport:
    """What rules of the WAF would have hit."""

    requests: int
    """That were seen."""
    hit: int
    """Of those: by a rule."""
    not_inspected: int
    """Connections and requests that could not be, or that the policy does not want to be."""
    rules: Sequence[WafRuleReport]
    hits: Sequence[RequestHit]
    unlisted: int
    """Requests that were hit, and are not in ``hits``: there were too many."""


@dataclass(frozen=True)
class ReplayReport:
    """Verdicts over a whole capture; counts are packets."""

    packets: int
    duration_ns: int
    """From the first packet to the newest timestamp."""
    forwarded: int
    dropped: Mapping[str, int]
    would_drop: Mapping[str, int]
    """By reason label: what reasons in monitor mode hit; these packets went on."""
    rules: Sequence[RuleReport]
    """Of the policy, profile by profile."""
    ports: Mapping[str, PortReport]
    link_scope: int
    link_other: int
    """Of those: neither IP nor control of the link, so that nobody judges what is inside."""
    encapsulated: int
    """Inside MPLS or a PPPoE session: judged by what is inside, but for connections and HTTP."""
    allowed: int
    """Found on the allowlist; sanity came before it."""
    neighbors: int
    """From or to routers that the policy names, as they may speak: judged by sanity and lists."""
    cut: int
    cut_unjudged: int
    """Cut before their headers ended: forwarded without judgement."""
    inside_both: int
    inside_neither: int
    no_address: int
    clock_backwards: int
    tso: int
    """Captured before their NIC segmented them: IP length 0. Judged by the length of the frame."""
    big_tcp: int
    """The same of more than 65,535 bytes: judged as if they had so many."""
    checksum_unfinished: int
    """TCP checksums that a NIC was to finish: taken for right."""
    surplus: int
    """With bytes behind the IP packet that are no padding: these are not counted."""
    syns_auto: int
    """Forwarded SYNs from outside that a node answers once a flood has switched its SYN proxy on:
    a replay has none."""
    syns_always: int
    """Those that a node always answers."""
    waf: WafReport | None = None
    """None: no rules were given."""

    @property
    def balanced(self) -> bool:
        """Whether the ledger holds for both ports."""
        return all(
            port.received == port.forwarded + port.consumed + sum(port.dropped.values()) + port.held
            for port in self.ports.values()
        )
