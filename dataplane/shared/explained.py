"""Questions about a packet, their answers, and the encoding of both for the command ring.

An answer is longer than an element of the ring: it is sent in parts (``abi.ExplainedPart``).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from dataplane.base.networks import MAPPED_PREFIX, Network
from dataplane.countries.codes import code_of
from dataplane.native import abi
from dataplane.statelog import ListName

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
"""Protocols that can be asked about, by IANA's numbers."""
_RECORD_BYTES = ctypes.sizeof(abi.PacketExplained)
PARTS = -(-_RECORD_BYTES // abi.EXPLAINED_PART)
_KEY_BYTES = 16
_VERDICTS = {
    abi.Verdict.PASS: "forwarded",
    abi.Verdict.DROP: "dropped",
    abi.Verdict.CONSUMED: "challenged",
}
_LISTS: dict[abi.ListKind, ListName] = {
    abi.ListKind.BLACKLIST: "blacklist",
    abi.ListKind.ALLOWLIST: "allowlist",
}
_PAYS = ("no", "now", "after_handshake")
"""By the number in ``sb_explained_limit.pays``."""


@dataclass(frozen=True)
class PacketQuestion:
    """A packet from outside that may begin a connection: a SYN, an empty datagram, an echo request.

    Addresses are 16 bytes, IPv4 mapped, both of one family. It has either a destination, which
    selects the profile, or the index of a profile. ``port``: of the destination.
    """

    source: bytes
    protocol: int
    port: int
    destination: bytes | None = None
    profile: int = 0

    @property
    def is_valid(self) -> bool:
        """Whether the data plane can answer the question."""
        is_ipv4 = self.source.startswith(MAPPED_PREFIX)
        echo = PROTOCOLS["icmp" if is_ipv4 else "icmpv6"]
        same = self.destination is None or self.destination.startswith(MAPPED_PREFIX) == is_ipv4
        known = self.protocol in {PROTOCOLS["tcp"], PROTOCOLS["udp"], echo}
        return same and known and 0 <= self.profile < abi.PROFILES_MAX


@dataclass(frozen=True)
class Finding:
    """A reason of a stage against the packet; labels as in `dataplane.shared.labels`."""

    stage: str
    reason: str
    mode: str
    """``enforce`` or ``monitor``."""


@dataclass(frozen=True)
class CoveringEntry:
    """An entry of a list that contains the source."""

    list: ListName
    network: Network
    hits: int


@dataclass(frozen=True)
class LimitState:
    """A limit of the profile and its bucket; amounts in its unit, ``rate`` per second."""

    reason: str
    mode: str
    """``off``, ``monitor``, ``enforce``."""
    scope: str
    """``source``, ``prefix``, ``destination``, ``global``."""
    unit: str
    """``packets``, ``bits``, ``connections``."""
    icmp_only: bool
    prefix_length: int
    """Leading bits of the address that select the bucket, in the source's family."""
    rate: int
    size: int
    room: int
    """The present amount, of ``size``."""
    pays: str
    """``now``, ``after_handshake`` (the SYN proxy is on), ``no``."""
    is_known: bool
    """Whether the source has its own bucket already; False also without a destination."""


@dataclass(frozen=True)
class PacketExplanation:
    """The verdict on a packet now, and its reasons."""

    verdict: str
    """``forwarded``, ``dropped``, or ``challenged``: the SYN proxy answers it."""
    reason: str | None
    """The reason of a drop."""
    profile: int
    source_profile: int
    """Index of the profile whose targets contain the source, which then is inside; 0: none."""
    country: str | None
    """``ZZ``: not known. None: there is no database."""
    reached: tuple[str, ...]
    """The stages that it passes, in order."""
    findings: tuple[Finding, ...]
    """Sorted by stage."""
    entries: tuple[CoveringEntry, ...]
    """The longest prefix first; at most ``abi.EXPLAINED_ENTRIES_MAX``."""
    entries_found: int
    limits: tuple[LimitState, ...]
    is_allowed: bool
    is_neighbor: bool
    is_inspected: bool
    """Whether the requests of its connection are inspected."""
    connections: int | None
    """Proven connections of the source to the profile; None: connections are not tracked, or the
    packet does not reach the stage."""
    connections_max: int
    """0: any number."""
    syn_proxy: str
    """``off``, ``auto``, ``always``."""
    syn_proxy_on: bool


def to_native(question: PacketQuestion, number: int, deadline_ds: int) -> abi.ExplainPacket:
    """Encode the question as a command."""
    native = abi.ExplainPacket(
        id=number,
        deadline_ds=deadline_ds,
        profile=question.profile,
        port=question.port,
        protocol=question.protocol,
    )
    native.source[:] = list(question.source)
    if question.destination is not None:
        native.destination[:] = list(question.destination)
        native.profile = abi.EXPLAIN_BY_DESTINATION
    return native


def from_native(native: abi.ExplainPacket) -> PacketQuestion:
    """Decode the question of a command; it may not be valid."""
    destination = bytes(native.destination)
    by_destination = native.profile == abi.EXPLAIN_BY_DESTINATION
    return PacketQuestion(
        source=bytes(native.source),
        protocol=native.protocol,
        port=native.port,
        destination=destination if by_destination else None,
        profile=0 if by_destination else native.profile,
    )


def parts(record: abi.PacketExplained, number: int) -> Iterator[abi.ExplainedPart]:
    """The parts of an answer."""
    data = bytes(record)
    for index in range(PARTS):
        piece = data[index * abi.EXPLAINED_PART : (index + 1) * abi.EXPLAINED_PART]
        part = abi.ExplainedPart(id=number, part=index, count=PARTS)
        ctypes.memmove(part.bytes, piece, len(piece))
        yield part


def joined(pieces: Sequence[bytes]) -> abi.PacketExplained:
    """Join all parts of an answer, in order."""
    return abi.PacketExplained.from_buffer_copy(b"".join(pieces)[:_RECORD_BYTES])


def read(record: abi.PacketExplained, source: bytes) -> PacketExplanation:
    """Convert an answer to values; ValueError for an invalid one."""
    flags = abi.ExplainedFlag(record.flags)
    findings = record.finding[: record.finding_count]
    shown = min(record.entries_found, abi.EXPLAINED_ENTRIES_MAX)
    has_countries = abi.ExplainedFlag.COUNTRIES in flags
    is_dropped = record.verdict == abi.Verdict.DROP
    return PacketExplanation(
        verdict=_VERDICTS[abi.Verdict(record.verdict)],
        reason=_label(abi.Reason(record.reason)) if is_dropped else None,
        profile=record.profile,
        source_profile=record.source_profile,
        country=code_of(record.country) if has_countries else None,
        reached=tuple(_label(stage) for stage in abi.Stage if record.reached >> stage & 1),
        findings=tuple(
            Finding(
                _label(abi.Stage(each.stage)),
                _label(abi.Reason(each.reason)),
                _label(abi.Mode(each.mode)),
            )
            for each in findings
        ),
        entries=tuple(_entry(each, source) for each in record.entry[:shown]),
        entries_found=record.entries_found,
        limits=tuple(_limit(each) for each in record.limit[: record.limit_count]),
        is_allowed=abi.ExplainedFlag.ALLOWED in flags,
        is_neighbor=abi.ExplainedFlag.NEIGHBOR in flags,
        is_inspected=abi.ExplainedFlag.HTTP in flags,
        connections=record.connections if abi.ExplainedFlag.CONNECTIONS in flags else None,
        connections_max=record.connections_max,
        syn_proxy=_label(abi.SynProxy(record.syn_proxy)),
        syn_proxy_on=abi.ExplainedFlag.SYN_PROXY_ON in flags,
    )


def _label(member: Enum) -> str:
    return member.name.lower()


def _entry(native: abi.ExplainedEntry, source: bytes) -> CoveringEntry:
    shift = 8 * _KEY_BYTES - native.prefix_length
    key = (int.from_bytes(source, "big") >> shift << shift).to_bytes(_KEY_BYTES, "big")
    name = _LISTS[abi.ListKind(native.list)]
    return CoveringEntry(name, Network(key, native.prefix_length), native.hits)


def _limit(native: abi.ExplainedLimit) -> LimitState:
    return LimitState(
        reason=_label(abi.Reason(native.reason)),
        mode=_label(abi.Mode(native.mode)),
        scope=_label(abi.Scope(native.scope)),
        unit=_label(abi.Unit(native.unit)),
        icmp_only=bool(native.icmp_only),
        prefix_length=native.prefix_length,
        rate=native.rate,
        size=native.size,
        room=native.room,
        pays=_PAYS[native.pays],
        is_known=bool(native.is_known),
    )
