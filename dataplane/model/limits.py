"""Limits: token buckets of sources, of their prefixes, of destinations, and of whole profiles.

A bucket is one number: the time at which it is full again. What it lacks until then is its debt; a
packet adds its cost to the debt if that leaves no more than a burst, else it has no room and costs
nothing (generic cell rate algorithm, ITU-T I.371, annex A: the same as a bucket of integer tokens
that is refilled all the time).

C keeps the buckets of addresses in a table of fixed size, which can forget one when many more
sources are active than it has room for (``fastpath/tables/buckets.h``). Here nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address, ip_network

from dataplane.abi import LIMIT_BURST_S_MAX, Mode, Scope, Unit
from dataplane.model.node import Lcore, Limit, Time, is_judged, mode_of, reject
from dataplane.model.packet import ICMP, ICMPV6, Packet

FRACTION = 1 << 16
"""Of a nanosecond."""
DEBT_NS_MAX = LIMIT_BURST_S_MAX * 10**9


def limits(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Let a packet pay into every limit of its profile; the first without room rejects it.

    In monitor mode it goes on and pays into those that follow; a limit that is off is not paid.
    """
    if not is_judged(packet):
        return True
    for limit in lcore.node.profiles[packet.profile].limits:
        if limit.icmp_only and packet.protocol not in {ICMP, ICMPV6}:
            continue
        if limit.unit is Unit.CONNECTIONS and not packet.is_opening:
            continue
        if mode_of(lcore, packet, limit.reason) is Mode.OFF:
            continue
        if not _pay(lcore, limit, packet, now) and reject(lcore, packet, limit.reason):
            return False
    return True


def _pay(lcore: Lcore, limit: Limit, packet: Packet, now: Time) -> bool:
    """Whether there was room; only then is the cost added."""
    bucket, now_q16 = _bucket(limit, packet), now.ns * FRACTION
    debt = max(lcore.full_at.get(bucket, 0) - now_q16, 0)
    if debt > DEBT_NS_MAX * FRACTION:
        debt = 0
    debt = min(debt, limit.burst_q16)  # the burst may have been greater once
    cost = limit.increment_q16 * (packet.length * 8 if limit.unit is Unit.BITS else 1)
    has_room = debt + cost <= limit.burst_q16
    full_at = now_q16 + debt + (cost if has_room else 0)
    if limit.scope is not Scope.GLOBAL:  # kept by the nanosecond, the nearest
        full_at = (full_at + FRACTION // 2) // FRACTION * FRACTION
    lcore.full_at[bucket] = full_at
    return has_room


def _bucket(limit: Limit, packet: Packet) -> Hashable:
    """Limits and profiles count apart; of an address only the leading bits are told apart."""
    if limit.scope is Scope.GLOBAL:
        return packet.profile, limit.reason
    by_destination = limit.scope is Scope.DESTINATION
    address = ip_address((packet.protected if by_destination else packet.client) or b"")
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = limit.bits_ipv6 if isinstance(address, IPv6Address) else limit.bits_ipv4
    return packet.profile, limit.reason, ip_network((address, bits), strict=False)
