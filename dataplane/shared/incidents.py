"""Attacks as plain values, which ``dataplane.client`` reads from the shared pages.

An incident is one attack of one type on one target, from its first second to its end. Times are
milliseconds since 1970 in UTC; rates are those of the last second; shares are from 0 to 1,
estimated from samples as ``Sampling`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.base.networks import Network

PUBLIC_ID = "attack_"
"""Prefix of an incident's id, before 16 hexadecimal digits."""
DELAY_BOUNDS_MS = (50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 2000)
"""Upper bounds of the histogram of detection delays; the last bucket has none."""


@dataclass(frozen=True)
class Trigger:
    """The value and the threshold when the attack was detected."""

    metric: str
    """A field of the policy's rule `detection` with ``_per_second`` appended."""
    threshold: int
    value: int


@dataclass(frozen=True)
class Rates:
    """Traffic to the target, per second."""

    packets: int
    bits: int
    requests: int


@dataclass(frozen=True)
class Totals:
    """All traffic to the target since the start of the attack, dropped packets included."""

    packets: int
    bits: int
    requests: int
    dropped: int
    would_drop: int
    """Packets that passed only because of a mode ``monitor``; estimated."""
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
    """Estimated number of packets."""
    error: int
    """Bound of the error of ``packets``, in 95 of 100 cases."""


@dataclass(frozen=True)
class PortShare:
    """Share of the packets to the target, by destination port."""

    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``, or the protocol's number."""
    port: int
    share: float


@dataclass(frozen=True)
class CountryShare:
    """Share of the packets to the target, by the source's country."""

    country: str
    share: float


@dataclass(frozen=True)
class FlagsShare:
    """Share of the TCP segments to the target, by flags."""

    flags: str
    """Letters as in tcpdump, from FIN up: ``FSRPAUEW``; empty: none."""
    share: float


@dataclass(frozen=True)
class SizeShare:
    """Share of the packets to the target, by size."""

    up_to: int | None
    """Maximum size on the wire; None: above all other bounds."""
    share: float


@dataclass(frozen=True)
class ReasonPackets:
    """Packets to the target dropped, or that would have been, by reason; estimated."""

    reason: str
    packets: int


@dataclass(frozen=True)
class Sources:
    """The sources of the attack."""

    top: tuple[Ranked, ...]
    distinct: int
    """Estimated number."""
    seen_once_share: float
    """Share of the sampled sources that sent one packet."""
    is_spoofed: bool
    """So many sources sent one packet that the addresses count as forged."""


@dataclass(frozen=True)
class Sampling:
    """Sampling rates: one packet in so many for shares and top sources; one source in so many for
    those seen once."""

    packets_every: int
    sources_every: int


@dataclass(frozen=True)
class WantedResponse:
    """The response that the policy wants; the agent carries it out."""

    kind: str
    """``none``, ``limit``, ``syn_proxy`` or ``blacklist``."""
    mode: str
    """``enforce``; ``monitor``: it is only reported."""
    seconds: int
    entries_max: int
    limit_pps: int


@dataclass(frozen=True)
class Incident:
    """One attack."""

    id: str
    """``attack_`` and 16 hexadecimal digits."""
    number: int
    """1, 2 and so on since the start of the data plane."""
    version: int
    """Changes with every change of the incident."""
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
    """The target if it is an address or a prefix."""
    profile: str
    started_at: int
    detected_at: int
    updated_at: int
    ended_at: int | None
    trigger: Trigger
    rates: Rates
    peak: Rates
    """Maximum of each rate by itself."""
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
        """Whether the incident is active."""
        return self.state == "active"

    @property
    def is_carpet(self) -> bool:
        """Whether the attack is spread over many addresses of a prefix or profile, with no dominant
        one."""
        return self.target_kind in {"prefix", "profile"}


@dataclass(frozen=True)
class Top:
    """The heaviest sources and targets of the node, by packets of the last seconds."""

    boot_ms: int
    """Time on the boot clock; 0: none yet."""
    packets_every: int
    sources: tuple[Ranked, ...]
    targets: tuple[Ranked, ...]


@dataclass(frozen=True)
class ProfileRates:
    """The usual rates of a profile's addresses in one period."""

    name: str
    rates: Mapping[str, int]
    """By the fields of the policy's rule `detection`: the highest rate of any one address in any
    second, the value that thresholds are compared with."""
    is_attacked: bool
    """Whether an incident was active in the profile."""


@dataclass(frozen=True)
class BaselinePeriod:
    """A complete period of ten seconds."""

    number: int
    """1, 2 and so on since the start of the data plane; 0: none is complete yet."""
    profiles: tuple[ProfileRates, ...]
    """The first `abi.BASELINE_PROFILES` in force."""
    beyond: int
    """Profiles in force without room."""


@dataclass(frozen=True)
class DetectionStats:
    """Counts since the start of the data plane."""

    ticks: int
    """Number of judgements."""
    attacks: dict[str, int]
    """Incidents by type; all types are present."""
    active: dict[str, int]
    blocked: int
    """Incidents with dropped packets."""
    suppressed: int
    """Attacks that found no room, because too many incidents were active."""
    failures: int
    """Errors that stopped detection for a while."""
    delay_buckets: tuple[int, ...]
    """Counts by `DELAY_BOUNDS_MS`, not cumulative; one more than the bounds."""
    delay_count: int
    delay_sum_ms: int
