"""The collector's results as values.

Counts are of traffic from outside (``fastpath/include/defs/traffic.def`` describes each kind).
Addresses are 16 bytes, IPv4 mapped; a prefix length runs from 0 to 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dataplane.native.abi import Reason, Sample, TrafficKind


class Target(NamedTuple):
    """A protected address (128), or a prefix of them."""

    key: bytes
    prefix_length: int


@dataclass(frozen=True)
class Counts:
    """Counts of packets, bytes and so on by kind: ``counts[TrafficKind.SYN]``."""

    by_kind: tuple[int, ...]
    bytes: int

    def __getitem__(self, kind: TrafficKind) -> int:
        return self.by_kind[kind]


@dataclass(frozen=True)
class Traffic:
    """The traffic of one target, one profile or the whole node."""

    window: Counts
    """In the last second, in steps of a tenth: a rate."""
    since: Counts
    """Since the last collection: every packet counts in exactly one collection."""


@dataclass(frozen=True)
class TargetTraffic:
    """The traffic of a protected address, or of a prefix: /24 of IPv4, /64 of IPv6, or a followed
    one."""

    key: bytes
    prefix_length: int
    profile: int
    """Index of the profile. The addresses of a prefix may have several profiles: then each is a
    candidate of its own, and a followed prefix has that of the address with traffic."""
    traffic: Traffic
    destinations: int = 1
    """The number of a prefix's addresses with traffic in the last second."""

    @property
    def target(self) -> Target:
        """The target of this traffic."""
        return Target(self.key, self.prefix_length)


@dataclass(frozen=True)
class Window:
    """One collection."""

    boot_ms: int
    all: Traffic
    profiles: Mapping[int, Traffic]
    """Profiles by index; only those with traffic in the last second."""
    highest: Mapping[int, Counts]
    """For each profile, the highest count of any one address in the last second, for each kind by
    itself."""
    candidates: tuple[TargetTraffic, ...]
    """Targets whose count of some kind has reached the floor of their profile, highest excess
    first."""
    followed: Mapping[Target, TargetTraffic]
    cut: int
    """Number of further candidates beyond ``abi.CANDIDATES_MAX``."""


@dataclass(frozen=True)
class Ranked:
    """An entry of a sketch."""

    key: bytes
    """The address."""
    packets: int
    error: int
    """Bound of the error of ``packets``, in 95 of 100 cases: the counts that the sketch may have
    taken from others, and twice the standard deviation of the sampling."""


@dataclass(frozen=True)
class RankedPort:
    """A port that packets went to, or came from."""

    protocol: int
    port: int
    packets: int
    error: int


@dataclass(frozen=True)
class Sampling:
    """One packet, and one source, in so many is sampled."""

    packets_every: int
    sources_every: int


@dataclass(frozen=True)
class Evidence:
    """The evidence about packets to a target, from a second before it was followed.

    Counts are of packets, estimated from samples.
    """

    packets: int = 0
    """Number of packets that all samples stand for."""
    samples_taken: int = 0
    sources: tuple[Ranked, ...] = ()
    """The most frequent first; at most ``abi.TOP_MAX``."""
    ports: tuple[RankedPort, ...] = ()
    """Destination ports."""
    source_ports: tuple[RankedPort, ...] = ()
    countries: Mapping[int, int] = field(default_factory=dict)
    """Packets by number of the country (``abi.COUNTRY_MAX``; 0: not known)."""
    tcp_flags: Mapping[int, int] = field(default_factory=dict)
    """Packets by the flags byte (RFC 9293, 3.1); TCP only."""
    sizes: tuple[int, ...] = ()
    """Packets by size class: up to ``SIZE_BOUNDS[i]`` bytes, the last one above."""
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    """Packets that were dropped or would have been, by reason."""
    distinct_sources: int = 0
    """Estimate; exact up to ``abi.DISTINCT_MAX`` if every source is sampled."""
    seen_once: float = 0.0
    """Share of the sources that sent one packet, 0 to 1; nearly all forged sources do."""
    samples: tuple[Sample, ...] = ()
    """The newest packets, oldest first."""


SIZE_BOUNDS = (64, 128, 256, 512, 1024, 1280, 1518)
"""Bytes: ``SB_SIZE_BOUNDS``."""
