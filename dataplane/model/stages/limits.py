"""Limits: token buckets of sources, of their prefixes, of destinations, and of whole profiles.

A bucket is one number: the time at which it is full again. Its debt is the time until then. A
packet adds its cost to the debt if the sum does not exceed the burst; else it is rejected and costs
nothing (generic cell rate algorithm, ITU-T I.371, annex A: equivalent to a bucket of integer tokens
with continuous refill).

C keeps the buckets of addresses in a table of fixed size, which can forget a bucket when many more
sources are active than it has room for (``fastpath/tables/limits/buckets.h``). The model forgets
nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from ipaddress import IPv6Address, ip_address, ip_network

from dataplane.model.packet import ICMP, ICMPV6, Packet
from dataplane.model.policy import Limit
from dataplane.model.stages.owner import is_icmp_error
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import is_judged, mode_of, reject
from dataplane.native.abi import LIMIT_BURST_S_MAX, Mode, PacketFlag, Scope, SynProxy, Unit

FRACTION = 1 << 16
"""Fractional bits of a nanosecond."""
DEBT_NS_MAX = LIMIT_BURST_S_MAX * 10**9


def limits(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Let a packet pay into every limit of its profile; the first one without room rejects it.

    In monitor mode the packet goes on and pays into the following limits; limits that are off are
    skipped.
    """
    if not is_judged(packet):
        return True
    # The connections stage ignores a packet with a wrong header.
    is_followed = packet.payload_offset != 0 and PacketFlag.INNER not in packet.flags
    pays_here = not (_is_charged_later(lcore, packet) and is_followed)
    for limit in lcore.node.profiles[packet.profile].limits:
        if limit.icmp_only and packet.protocol not in {ICMP, ICMPV6}:
            continue
        if limit.unit is Unit.CONNECTIONS and not (packet.is_opening and pays_here):
            continue
        if not _judge(lcore, limit, packet, now):
            return False
    return True


def charge(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Charge a packet that begins a connection, if the SYN proxy may answer SYNs.

    In this case SYNs pay into no limit of new connections: their cookie could be returned again and
    again. Returns whether the packet goes on.
    """
    if not is_judged(packet) or not _is_charged_later(lcore, packet):
        return True
    return all(
        _judge(lcore, limit, packet, now)
        for limit in lcore.node.profiles[packet.profile].limits
        if limit.unit is Unit.CONNECTIONS
    )


def _is_charged_later(lcore: Lcore, packet: Packet) -> bool:
    proxied = lcore.node.profiles[packet.profile].syn_proxy is not SynProxy.OFF
    return proxied and lcore.tracks and lcore.proxies


def _judge(lcore: Lcore, limit: Limit, packet: Packet, now: Time) -> bool:
    """Whether a packet that a limit covers goes on."""
    if mode_of(lcore, packet, limit.reason) is Mode.OFF:
        return True
    return _pay(lcore, limit, packet, now) or not reject(lcore, packet, limit.reason)


def _pay(lcore: Lcore, limit: Limit, packet: Packet, now: Time) -> bool:
    """Pay the cost if there is room; returns whether there was."""
    cost = limit.increment_q16 * (packet.length * 8 if limit.unit is Unit.BITS else 1)
    if limit.scope is Scope.SOURCE and lcore.node.lcore_count > 1 and is_icmp_error(packet):
        # It goes to the lcore of the client that it quotes, and quotes can be forged: each lcore
        # allows its share of the source's limit.
        cost = min(cost * lcore.node.lcore_count, DEBT_NS_MAX * FRACTION)
        limit = replace(limit, burst_q16=max(limit.burst_q16, cost))
    bucket, is_exact = bucket_of(limit, packet), limit.scope is Scope.GLOBAL
    return pay(lcore, limit, bucket, (cost, now), is_exact=is_exact)


def pay(
    lcore: Lcore, limit: Limit, bucket: Hashable, cost_at: tuple[int, Time], *, is_exact: bool
) -> bool:
    """Whether a bucket had room for a cost at a time; ``is_exact`` False: a bucket of
    the tables."""
    cost, now = cost_at
    now_q16 = now.ns * FRACTION
    debt = max(lcore.full_at.get(bucket, 0) - now_q16, 0)
    if debt > DEBT_NS_MAX * FRACTION:
        debt = 0
    debt = min(debt, limit.burst_q16)  # the limit may have been larger before
    has_room = debt + cost <= limit.burst_q16
    full_at = now_q16 + debt + (cost if has_room else 0)
    if not is_exact:  # stored in whole nanoseconds, rounded
        full_at = (full_at + FRACTION // 2) // FRACTION * FRACTION
    lcore.full_at[bucket] = full_at
    return has_room


def bucket_of(limit: Limit, packet: Packet) -> Hashable:
    """Each limit and profile has its own buckets; addresses with the same leading bits
    share one."""
    if limit.scope is Scope.GLOBAL:
        return packet.profile, limit.reason
    by_destination = limit.scope is Scope.DESTINATION
    address = ip_address((packet.protected if by_destination else packet.client) or b"")
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = limit.bits_ipv6 if isinstance(address, IPv6Address) else limit.bits_ipv4
    return packet.profile, limit.reason, ip_network((address, bits), strict=False)
