"""Attacks as plain values: what ``dataplane.client`` reads from the shared pages.

An incident is one attack of one type on one target, from its first second to its end. Times are
milliseconds since 1970 in UTC; rates are those of the last second; shares go from 0 to 1 and are
estimated from samples, as ``Sampling`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.base.networks import Network

PUBLIC_ID = "attack_"
"""Stands before the 16 hexadecimal digits of an incident's id."""
DELAY_BOUNDS_MS = (50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 2000)
"""Upper bounds of the histogram of detection delays; the last bucket has none."""


@dataclass(frozen=True)
class Trigger:
    """What was compared with which threshold when the attack was detected."""

    metric: str
    """A field of the policy's rule `detection` with ``_per_second`` behind it."""
    threshold: int
    value: int


@dataclass(frozen=True)
class Rates:
    """To the target, per second."""

    packets: int
    bits: int
    requests: int


@dataclass(frozen=True)
class Totals:
    """To the target since the start, whatever packets they were: the dropped are among them."""

    packets: int
    bits: int
    requests: int
    dropped: int
    would_drop: int
    """Dropped, were it not for a mode ``monitor``; estimated."""
    challenged: int = 0
    """Answered by the SYN proxy in place of the host; estimated."""

    @property
    def passed(self) -> int:
        """Packets that were let through."""
        return max(0, self.packets - self.dropped - self.challenged)


@dataclass(frozen=True)
class Ranked:
    """One of the heaviest addresses."""

    address: str
    country: str
    """ISO 3166-1 alpha-2; ``ZZ``: not known."""
    packets: int
    """Estimated."""
    error: int
    """``packets`` is at most so many too high or too low, in 95 of 100 cases."""


@dataclass(frozen=True)
class PortShare:
    """Of the packets to the target."""

    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``, or its number."""
    port: int
    share: float


@dataclass(frozen=True)
class CountryShare:
    """Of the packets to the target, by the sender's country."""

    country: str
    share: float


@dataclass(frozen=True)
class FlagsShare:
    """Of the TCP segments to the target."""

    flags: str
    """Letters as tcpdump has them, from FIN up: ``FSRPAUEW``; empty: none."""
    share: float


@dataclass(frozen=True)
class SizeShare:
    """Of the packets to the target."""

    up_to: int | None
    """Bytes on the wire; None: more than all other bounds."""
    share: float


@dataclass(frozen=True)
class ReasonPackets:
    """Packets to the target that were dropped, or would have been, for a reason; estimated."""

    reason: str
    packets: int


@dataclass(frozen=True)
class Sources:
    """Who sends."""

    top: tuple[Ranked, ...]
    distinct: int
    """Estimated."""
    seen_once_share: float
    """Of the sampled sources, those that sent one packet."""
    is_spoofed: bool
    """So many were seen once that the addresses are taken for forged."""


@dataclass(frozen=True)
class Sampling:
    """One of so many: packets for shares and top sources, sources for those seen once."""

    packets_every: int
    sources_every: int


@dataclass(frozen=True)
class WantedResponse:
    """What the policy wants done, by whoever carries it out."""

    kind: str
    """``none``, ``limit``, ``syn_proxy`` or ``blacklist``."""
    mode: str
    """``enforce``; ``monitor``: it is only said what would be done."""
    seconds: int
    entries_max: int
    limit_pps: int


@dataclass(frozen=True)
class Incident:
    """One attack."""

    id: str
    """``attack_`` and 16 hexadecimal digits."""
    number: int
    """1, 2 and so on since the data plane has started."""
    version: int
    """Another one whenever anything of it has changed."""
    type: str
    """Name of ``enum sb_attack`` in lower case."""
    state: str
    """``active`` or ``ended``."""
    ended_by: str
    """``none`` while it is active; ``quiet``, ``policy``, ``merged``, ``draining``,
    ``failed``."""
    action: str
    """``blocked``, ``limited``, ``challenged``, or ``monitored``: nothing was dropped."""
    target_kind: str
    """``address``, ``prefix``, ``profile``, or ``port`` of the node."""
    target: str
    """An address, a prefix in CIDR form, a profile's name, ``outside`` or ``inside``."""
    network: Network | None
    """The target where it is an address or a prefix."""
    profile: str
    started_at: int
    detected_at: int
    updated_at: int
    ended_at: int | None
    trigger: Trigger
    rates: Rates
    peak: Rates
    """Each by itself."""
    totals: Totals
    dropped_by_reason: tuple[ReasonPackets, ...]
    sources: Sources
    ports: tuple[PortShare, ...]
    countries: tuple[CountryShare, ...]
    tcp_flags: tuple[FlagsShare, ...]
    packet_sizes: tuple[SizeShare, ...]
    sampling: Sampling
    response: WantedResponse

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state == "active"

    @property
    def is_carpet(self) -> bool:
        """Whether it is aimed at many addresses of a prefix or profile, at none most of all."""
        return self.target_kind in {"prefix", "profile"}


@dataclass(frozen=True)
class Top:
    """The heaviest of the whole node, by packets of the last seconds."""

    boot_ms: int
    """When, on the boot clock; 0: never yet."""
    packets_every: int
    sources: tuple[Ranked, ...]
    targets: tuple[Ranked, ...]


@dataclass(frozen=True)
class ProfileRates:
    """What the addresses of a profile were used to, in one period."""

    name: str
    rates: Mapping[str, int]
    """By the fields of the policy's rule `detection`: the highest of any one address in any second,
    as thresholds are compared with it."""
    is_attacked: bool
    """Whether an incident went on there."""


@dataclass(frozen=True)
class BaselinePeriod:
    """Ten seconds that are over."""

    number: int
    """1, 2 and so on since the data plane has started; 0: none is over yet."""
    profiles: tuple[ProfileRates, ...]
    """The first `abi.BASELINE_PROFILES` in force."""
    beyond: int
    """Profiles in force that found no room."""


@dataclass(frozen=True)
class DetectionStats:
    """Counts since the data plane has started."""

    ticks: int
    """How often everything was judged."""
    attacks: dict[str, int]
    """Ever begun, by type; all types."""
    active: dict[str, int]
    blocked: int
    """Incidents of which something was dropped."""
    suppressed: int
    """What would have been an incident, but too many were active."""
    failures: int
    """Faults that have stopped it for a while."""
    delay_buckets: tuple[int, ...]
    """By `DELAY_BOUNDS_MS`, not cumulative; one more than the bounds."""
    delay_count: int
    delay_sum_ms: int
