"""Policies for the differential test: profiles with targets, limits and filters, for C and model.

Everything is drawn so that it is met: targets lie where packets go to, limits are spent within a
burst, ports and sizes are those of the generated packets.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dataplane.model.policy import Http, Limit, PortRule, Profile, Reflector
from dataplane.native import abi
from dataplane.native.abi import (
    Encapsulation,
    Inside,
    Mode,
    Neighbor,
    Reason,
    Scope,
    SynProxy,
    Unit,
    Use,
)
from dataplane.tables.policy_table import PolicyTable
from tests.native.encapsulated import VXLAN_PORT
from tests.native.model.model_frames import (
    ETHERTYPES,
    PORTS,
    PROTOCOLS4,
    happens,
    mapped_address,
)
from tests.native.tables.lists.lists_support import first_of, key_bytes, network_of

COUNTRIES = (0, 1, 64, abi.COUNTRY_MAX)
INSIDE = [Inside.JUDGE] * 3 + [Inside.PASS, Inside.REFUSE]
SECOND_Q16 = 10**9 << 16
LENGTHS = (0, 64, 96, 97, 112, 120, 124, 125, 126, 127, 128, 128, 128)
RATES = {
    (scope, unit): Reason[f"RATE_{scope.name}_{unit.name}"]
    for scope in list(Scope)
    for unit in list(Unit)
    if unit is not Unit.REQUESTS
}


Neighbors = tuple[tuple[int, int, frozenset[Neighbor]], ...]
"""First address in the mapped space, length, and what each may say."""


@dataclass(frozen=True)
class Rules:
    """One profile of a case; the modes of the default one are those of the case."""

    targets: tuple[tuple[int, int], ...] = ()
    """First address in the mapped space, and length."""
    modes: dict[Reason, Mode] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    fragments: bool = False
    protocols: frozenset[int] = frozenset()
    bogons: bool = False
    ports_tcp: PortRule | None = None
    ports_udp: PortRule | None = None
    ethertypes: PortRule | None = None
    inside: dict[Encapsulation, Inside] = field(default_factory=dict)
    reflectors: tuple[tuple[int, Reflector], ...] = ()
    """By port, ascending."""
    geo_block: frozenset[int] = frozenset()
    geo_allow: frozenset[int] | None = None
    connections_max: int = 0
    syn_proxy: SynProxy = SynProxy.OFF
    syn_rate: int = 3
    http: Http = field(default_factory=Http)

    def modelled(self) -> Profile:
        """As the model has it."""
        return Profile(
            mode=self.modes,
            limits=self.limits,
            fragments=self.fragments,
            ports_tcp=self.ports_tcp,
            ports_udp=self.ports_udp,
            ethertypes=self.ethertypes,
            inside=self.inside,
            vxlan_port=VXLAN_PORT,
            protocols=self.protocols,
            bogons=self.bogons,
            reflectors=dict(self.reflectors),
            geo_block=self.geo_block,
            geo_allow=self.geo_allow,
            connections_max=self.connections_max,
            syn_proxy=self.syn_proxy,
            syn_rate=self.syn_rate,
            http=self.http,
        )


def random_policy(rng: random.Random) -> tuple[Rules, ...]:
    """The default profile, and none to three beside it; often nothing at all."""
    if not happens(rng, 0.8):
        return (Rules(),)
    others = [
        replace(_rules(rng), targets=_targets(rng), modes=random_modes(rng))
        for _ in range(rng.randrange(4))
    ]
    return (_rules(rng), *others)


def random_modes(rng: random.Random) -> dict[Reason, Mode]:
    """Nearly all the same, a few others: so that much gets through, and meets later reasons."""
    usual = rng.choice((Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.MONITOR, Mode.OFF))
    modes = dict.fromkeys(Reason, usual)
    for _ in range(rng.randrange(5)):
        modes[rng.choice(list(Reason))] = rng.choice(list(Mode))
    return {reason: mode for reason, mode in modes.items() if mode is not Mode.ENFORCE}


def fill(table: PolicyTable, policy: Sequence[Rules]) -> None:
    """Give the packet path the same."""
    for index, rules in enumerate(policy):
        profile = table.add(index)
        for reason in Reason:
            profile.mode[reason] = rules.modes.get(reason, Mode.ENFORCE)
        profile.connections_max = rules.connections_max
        profile.syn_proxy, profile.syn_rate = rules.syn_proxy, rules.syn_rate
        for limit in rules.limits:
            _fill_limit(profile, limit)
        profile.uses |= Use.FRAGMENTS if rules.fragments else 0
        profile.uses |= Use.BOGONS if rules.bogons else 0
        profile.uses |= Use.PROTOCOLS if rules.protocols else 0
        for protocol in rules.protocols:
            profile.protocols[protocol // 64] |= 1 << protocol % 64
        for name in ("ports_tcp", "ports_udp", "ethertypes"):
            if (rule := getattr(rules, name)) is not None:
                _fill_ports(getattr(profile, name), rule)
                profile.uses |= Use[name.upper()]
        for kind, inside in rules.inside.items():
            profile.inside[kind] = inside
        _fill_tunnels(profile, rules)
        for port, one in rules.reflectors:
            reflector = profile.reflector[profile.reflector_count]
            reflector.port, reflector.size_min = port, one.size_min
            reflector.ntp_modes = sum(1 << mode for mode in one.ntp_modes)
            profile.reflector_count += 1
            profile.uses |= Use.REFLECTORS
        _fill_countries(profile, rules)
        _fill_http(profile, rules.http)
        for address, length in rules.targets:
            table.target(key_bytes(address), length, index)


def _fill_tunnels(profile: abi.Profile, rules: Rules) -> None:
    for kind in (Encapsulation.VXLAN, Encapsulation.GRE):
        profile.inside[kind] = rules.inside.get(kind, Inside.PASS)
        profile.uses |= Use.TUNNELS if kind in rules.inside else 0
    profile.vxlan_port = VXLAN_PORT


def fill_neighbors(table: PolicyTable, neighbors: Neighbors) -> None:
    """Give the packet path the same."""
    for address, length, said in neighbors:
        table.neighbor(key_bytes(address), length, sum(1 << one for one in said))


def neighbors_of(neighbors: Neighbors) -> list[tuple[object, frozenset[Neighbor]]]:
    """As the model has them."""
    return [(network_of(address, length), said) for address, length, said in neighbors]


def random_neighbors(rng: random.Random) -> Neighbors:
    """None to four, around the addresses of packets; often none."""
    if not happens(rng, 0.5):
        return ()
    return tuple(_neighbor(rng, mapped_address(rng)) for _ in range(rng.randrange(5)))


def _neighbor(rng: random.Random, address: int) -> tuple[int, int, frozenset[Neighbor]]:
    length = rng.choice(LENGTHS)
    said = rng.sample(list(Neighbor), rng.randrange(len(Neighbor)) + 1)
    return first_of(address, length), length, frozenset(said)


def targets_of(policy: Sequence[Rules]) -> list[tuple[object, int]]:
    """Networks and the index of their profile, in the order in which C gets them."""
    return [
        (network_of(address, length), index)
        for index, rules in enumerate(policy)
        for address, length in rules.targets
    ]


def smaller(policy: tuple[Rules, ...]) -> Iterator[tuple[Rules, ...]]:
    """Policies of which one thing has been left out."""
    for i in range(1, len(policy)):
        yield policy[:i] + policy[i + 1 :]
    for i, rules in enumerate(policy):
        for less in _less(rules):
            yield (*policy[:i], less, *policy[i + 1 :])


def _less(rules: Rules) -> Iterator[Rules]:
    for name in ("targets", "limits", "reflectors"):
        items = getattr(rules, name)
        for i in range(len(items)):
            yield replace(rules, **{name: items[:i] + items[i + 1 :]})
    for reason in rules.modes:
        yield replace(rules, modes={r: m for r, m in rules.modes.items() if r is not reason})
    empty: dict[str, object] = {"inside": {}, "protocols": frozenset(), "geo_block": frozenset()}
    for name, nothing in (empty | {"bogons": False, "fragments": False}).items():
        if getattr(rules, name):
            yield replace(rules, **{name: nothing})
    for name in ("ports_tcp", "ports_udp", "ethertypes", "geo_allow"):
        if getattr(rules, name) is not None:
            yield replace(rules, **{name: None})


def _rules(rng: random.Random) -> Rules:
    return Rules(
        limits=_limits(rng),
        fragments=happens(rng, 0.2),
        protocols=frozenset(_some(rng, PROTOCOLS4, 3)) if happens(rng, 0.4) else frozenset(),
        bogons=happens(rng, 0.1),
        ports_tcp=_ports(rng) if happens(rng, 0.25) else None,
        ports_udp=_ports(rng) if happens(rng, 0.25) else None,
        ethertypes=_ports(rng, ETHERTYPES) if happens(rng, 0.5) else None,
        inside={kind: rng.choice(INSIDE) for kind in _some(rng, list(Encapsulation), 4)},
        reflectors=tuple((port, _reflector(rng)) for port in sorted(_some(rng, PORTS, 2))),
        geo_block=frozenset(rng.sample(COUNTRIES, 1)) if happens(rng, 0.15) else frozenset(),
        geo_allow=frozenset(rng.sample(COUNTRIES, 3)) if happens(rng, 0.15) else None,
    )


def _reflector(rng: random.Random) -> Reflector:
    modes = rng.sample(range(8), rng.randrange(1, 4)) if happens(rng, 0.5) else ()
    return Reflector(rng.choice((8, 9, 12, 28)), frozenset(modes))


def _some(rng: random.Random, items: Sequence[object], most: int) -> list:  # type: ignore[type-arg]
    """None half of the time."""
    return rng.sample(list(items), rng.randrange(most + 1)) if happens(rng, 0.5) else []


def _targets(rng: random.Random) -> tuple[tuple[int, int], ...]:
    found = []
    for _ in range(rng.randrange(4)):
        address, length = mapped_address(rng), rng.choice(LENGTHS)
        found.append((first_of(address, length), length))
    return tuple(found)


def _limits(rng: random.Random) -> tuple[Limit, ...]:
    kinds: list[tuple[Scope, Unit] | None] = _some(rng, list(RATES), 4)
    if happens(rng, 0.35):
        kinds.append(None)
    return tuple(_limit(rng, kind) for kind in kinds)


def connection_limits(rng: random.Random) -> tuple[Limit, ...]:
    """Of new connections, none to three."""
    scopes = rng.sample(list(Scope), rng.randrange(4))
    return tuple(_limit(rng, (scope, Unit.CONNECTIONS)) for scope in scopes)


def _limit(rng: random.Random, kind: tuple[Scope, Unit] | None) -> Limit:
    """Of a few packets, so that a burst exceeds it."""
    scope, unit = kind or (rng.choice(list(Scope)), Unit.PACKETS)
    tokens = rng.randrange(500, 2000) if unit is Unit.BITS else rng.randrange(1, 5)
    slowest = 32 if unit is Unit.BITS else 40
    increment = rng.choice((999_983, SECOND_Q16 // 1000, rng.randrange(1, 1 << slowest)))
    return Limit(
        reason=Reason.ICMP_LIMIT if kind is None else RATES[kind],
        increment_q16=increment,
        burst_q16=increment * tokens + rng.randrange(increment),
        scope=scope,
        unit=unit,
        icmp_only=kind is None,
        bits_ipv4=rng.choice((0, 24, 30, 31, 32)),
        bits_ipv6=rng.choice((0, 48, 64, 96, 126, 128)),
    )


def _ports(rng: random.Random, ports: Sequence[int] = (*PORTS, 0, 52, 54, 65535)) -> PortRule:
    edges = sorted(rng.sample(sorted(set(ports)), 2 * rng.randrange(3)))
    return PortRule(tuple(zip(edges[::2], edges[1::2], strict=True)), is_deny=happens(rng, 0.5))


def _fill_limit(profile: abi.Profile, limit: Limit) -> None:
    theirs = profile.limit[profile.limit_count]
    for name in ("increment_q16", "burst_q16", "scope", "unit", "reason", "icmp_only"):
        setattr(theirs, name, getattr(limit, name))
    theirs.bits_ipv4, theirs.bits_ipv6 = limit.bits_ipv4, limit.bits_ipv6
    profile.limit_count += 1
    profile.uses |= Use.LIMITS


def _fill_countries(profile: abi.Profile, rules: Rules) -> None:
    if rules.geo_block:
        profile.uses |= Use.GEO_BLOCK
    for country in rules.geo_block:
        profile.geo_block[country // 64] |= 1 << country % 64
    if rules.geo_allow is not None:
        profile.uses |= Use.GEO_ALLOW
    for country in rules.geo_allow or ():
        profile.geo_allow[country // 64] |= 1 << country % 64


def _fill_http(profile: abi.Profile, http: Http) -> None:
    profile.uses |= Use.HTTP if http.ports else 0
    profile.http.port_count = len(http.ports)
    for index, port in enumerate(sorted(http.ports)):
        profile.http.port[index] = port
    profile.http.body_limit = http.body_limit
    profile.http.fail_closed, profile.http.pass_other = http.fail_closed, http.pass_other


def _fill_ports(theirs: abi.PortRule, rule: PortRule) -> None:
    theirs.count, theirs.is_deny = len(rule.ranges), rule.is_deny
    for place, (first, last) in zip(theirs.range, rule.ranges, strict=False):
        place.first, place.last = first, last
