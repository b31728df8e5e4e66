"""The policies of the benchmarks: a thousand profiles, and the rules of the one in use."""

from __future__ import annotations

import ctypes

from bench.packets.inputs import countries, traffic
from dataplane.native import abi
from dataplane.policy.rules.packets.encapsulation import VXLAN_PORT
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable

PROFILES = 1_000
_DESTINATION = 0xC6336400
"""198.51.100.0."""
_SECOND_Q16 = 10**9 << 16
_RATE, _BURST = 1_000_000, 1_000_000
"""Rate and burst of every limit, in packets: no limit is reached, but all are paid."""


def full_policy(
    library: ctypes.CDLL, version: int, *, everything: bool, tunnels: bool = False
) -> PolicyTable:
    """``PROFILES`` profiles with a prefix each; the last one protects the benchmark's destination.

    It blocks a country and limits every source; with ``everything`` also prefixes of sources, the
    profile as a whole, fragments, ports and reflectors. ``tunnels``: it judges VXLAN and GRE.
    """
    table = PolicyTable(library, PROFILES)
    for index in range(1, PROFILES + 1):
        table.add(index)
        table.target(*_prefix(version, PROFILES - index), index)
    profile = table.profile(PROFILES)
    profile.uses |= abi.Use.GEO_BLOCK
    profile.geo_block[countries.BLOCKED // 64] |= 1 << countries.BLOCKED % 64
    _limit(profile, abi.Reason.RATE_SOURCE_PACKETS, abi.Scope.SOURCE, (32, 64))
    if everything:
        _fill(profile)
    if tunnels:
        profile.uses |= abi.Use.TUNNELS
        profile.vxlan_port = VXLAN_PORT
    table.build(bytes(KEY_BYTES))
    return table


def _prefix(version: int, number: int) -> tuple[bytes, int]:
    """The prefix with this number; number 0 contains the destination of `traffic.layout`."""
    if version == 4:
        return traffic.MAPPED + (_DESTINATION + (number << 8)).to_bytes(4), 120
    return bytes.fromhex("20010db8") + number.to_bytes(2) + bytes(10), 48


def _fill(profile: abi.Profile) -> None:
    profile.uses |= abi.Use.FRAGMENTS | abi.Use.PORTS_TCP | abi.Use.REFLECTORS
    profile.ports_tcp.count = 2
    for item, (first, last) in zip(profile.ports_tcp.range, ((80, 80), (443, 443)), strict=False):
        item.first, item.last = first, last
    profile.reflector_count = 1
    profile.reflector[0].port, profile.reflector[0].size_min = 53, 1400
    _limit(profile, abi.Reason.RATE_PREFIX_PACKETS, abi.Scope.PREFIX, (24, 48))
    _limit(profile, abi.Reason.RATE_GLOBAL_PACKETS, abi.Scope.GLOBAL, (0, 0))


def _limit(
    profile: abi.Profile, reason: abi.Reason, scope: abi.Scope, bits: tuple[int, int]
) -> None:
    limit = profile.limit[profile.limit_count]
    scale = 1000 if scope is abi.Scope.GLOBAL else 1
    limit.reason, limit.scope, limit.unit = reason, scope, abi.Unit.PACKETS
    limit.bits_ipv4, limit.bits_ipv6 = bits
    limit.increment_q16 = _SECOND_Q16 // (_RATE * scale)
    limit.burst_q16 = limit.increment_q16 * _BURST * scale
    profile.limit_count += 1
    profile.uses |= abi.Use.LIMITS
