"""What the stages look at and count, and the ways in which they can decide.

A node is shared by all its lcores; counters belong to the lcore that counts. The ledger that they
keep, for each port that received: received = forwarded + consumed + dropped + held_now. Whoever
transmits counts what is forwarded; no stage of today consumes a packet.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from dataplane.abi import Mode, PacketFlag, Port, Reason, Stage, Verdict
from dataplane.model.packet import Packet
from dataplane.model.tables import Lists


@dataclass(frozen=True)
class Time:
    """When a burst is judged; both count from when the machine was booted."""

    boot_ds: int
    """Tenths of a second: deadlines of list entries."""
    ns: int = 0
    """Nanoseconds: tokens of limits."""


@dataclass
class Profile:
    """What protects one set of destinations: a mode for each reason; those not named enforce."""

    mode: dict[Reason, Mode] = field(default_factory=dict)


@dataclass
class Node:
    """The state of a node."""

    profiles: list[Profile] = field(default_factory=lambda: [Profile()])
    targets: list[tuple[IPv4Network | IPv6Network, int]] = field(default_factory=list)
    """Protected prefixes, each with the index of its profile."""
    lists: Lists | None = None
    """None: a pipeline without lists, as in a replay."""
    lcore_count: int = 1
    owner_key: tuple[int, int] = (0, 0)
    """128 secret bits, drawn at each start."""


@dataclass
class PortCounters:
    """Of the packets that one port received."""

    received: int = 0
    received_bytes: int = 0
    held_now: int = 0
    """Counted up by the lcore that received, down by the one that took over: below zero at times;
    only the sum over all lcores means something."""
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


def drop(lcore: Lcore, packet: Packet, reason: Reason) -> None:
    """Drop a packet, whatever its profile says: the node could not forward it if it wanted to."""
    packet.verdict, packet.reason = Verdict.DROP, reason
    counters = lcore.port[packet.port]
    counters.dropped[reason] += 1
    counters.dropped_bytes += packet.length
    lcore.count[packet.profile, reason, Mode.ENFORCE] += 1


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
