"""The verdicts on packets, and the frames that the node originates.

The ledger of each receiving port: received = forwarded + consumed + dropped + held_now. The
transmitting side counts forwarded packets.
"""

from __future__ import annotations

from copy import copy

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, OwnFrame
from dataplane.model.tcp_frame import Header, padded, written
from dataplane.native.abi import Mode, Origin, PacketFlag, Port, Reason, Verdict

_UNJUDGED = PacketFlag.ALLOWED | PacketFlag.PATH_MTU | PacketFlag.NEIGHBOR


def drop(lcore: Lcore, packet: Packet, reason: Reason) -> None:
    """Drop a packet, whatever its profile says: for a structural reason."""
    packet.verdict, packet.reason = Verdict.DROP, reason
    counters = lcore.port[packet.port]
    counters.dropped[reason] += 1
    counters.dropped_bytes += packet.length
    lcore.count[packet.profile, reason, Mode.ENFORCE] += 1


def is_judged(packet: Packet) -> bool:
    """Whether the stages about the client judge a packet.

    It comes from outside, its addresses can be read, it is not on the allowlist, which takes
    precedence over these stages, and it is not an exempt packet.
    """
    known = packet.port is Port.OUTSIDE and packet.ip_version != 0
    return known and not packet.flags & _UNJUDGED


def mode_of(lcore: Lcore, packet: Packet, reason: Reason) -> Mode:
    """The mode of a reason in the profile that protects the packet's destination."""
    return lcore.node.profiles[packet.profile].mode.get(reason, Mode.ENFORCE)


def reject(lcore: Lcore, packet: Packet, reason: Reason) -> bool:
    """Raise a reason against a packet; the mode of the reason decides. Returns whether it was
    dropped.

    OFF: no effect. MONITOR: the packet goes on, and only the first reason that would have dropped
    it is counted. ENFORCE: dropped. After off and monitor, the caller must check the next reason.
    """
    mode = mode_of(lcore, packet, reason)
    if mode is Mode.ENFORCE:
        drop(lcore, packet, reason)
        return True
    if mode is Mode.MONITOR and PacketFlag.WOULD_DROP not in packet.flags:
        packet.flags |= PacketFlag.WOULD_DROP
        packet.reason = reason
        lcore.count[packet.profile, reason, Mode.MONITOR] += 1
    return False


def consume(lcore: Lcore, packet: Packet) -> None:
    """Absorb a packet, or count it as answered."""
    packet.verdict = Verdict.CONSUMED
    lcore.port[packet.port].consumed += 1


def hand_over(lcore: Lcore, packet: Packet) -> None:
    """Send a packet to the lcore that owns its client, ``packet.owner``."""
    packet.verdict = Verdict.HANDED_OVER
    lcore.port[packet.port].held_now += 1
    lcore.misrouted += 1


def hold(lcore: Lcore, packet: Packet) -> Packet:
    """Hold a packet until it is released or given up. Returns the held packet."""
    packet.verdict = Verdict.HELD
    lcore.port[packet.port].held_now += 1
    return copy(packet)


def release(lcore: Lcore, held: Packet) -> None:
    """Let a held packet go on."""
    lcore.port[held.port].held_now -= 1
    held.verdict = Verdict.PASS
    lcore.released.append(held)


def give_up(lcore: Lcore, held: Packet) -> None:
    """Absorb a held packet."""
    lcore.port[held.port].held_now -= 1
    consume(lcore, held)
    lcore.released.append(held)


def originate(
    lcore: Lcore, kind: Origin, like: Packet, header: Header, *, back: bool, payload: bytes = b""
) -> None:
    """Send a frame between the hosts of a TCP packet: to its origin or to its destination."""
    data = padded(written(like, header, back=back, payload=payload))
    port = Port(like.port ^ 1) if back else like.port
    lcore.own.append(OwnFrame(data, port, kind))
    lcore.origin[kind] += 1
