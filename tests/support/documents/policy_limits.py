"""For every field of a policy: a document at its limit, and one just beyond the limit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dataplane.countries.codes import COUNTRIES
from dataplane.native import abi
from dataplane.policy.document import NAME_LENGTH_MAX, PROFILE_NAME_LENGTH_MAX, RULES_MAX
from dataplane.policy.http import RATE_MAX, SECONDS_MAX
from dataplane.policy.limit import (
    BITS_MAX,
    BITS_MIN,
    BURST_BITS_MIN,
    BURST_SECONDS_MAX,
    PACKETS_MAX,
)
from dataplane.policy.neighbors import NAME_LENGTH_MAX as NEIGHBOR_NAME_LENGTH_MAX
from dataplane.policy.rules.connections.connection_limit import CONNECTIONS_OF_SOURCE_MAX
from dataplane.policy.rules.detection import (
    CARPET_FACTOR_MAX,
    QUIET_SECONDS_MAX,
    RATIO_MAX,
    RESPONSE_ENTRIES_MAX,
    RESPONSE_SECONDS_MAX,
)
from dataplane.waf.document import GROUP_CHARACTERS_MAX, GROUPS_MAX

Document = dict[str, Any]
SYN_RATE_MAX = 100_000_000
PER = ("source", "prefix", "destination", "global")
UNITS = ("packets", "bits", "connections")
HTTP_TIMES = {
    **dict.fromkeys(("head_seconds", "body_seconds", "read_seconds"), SECONDS_MAX),
    **dict.fromkeys(("body_rate", "read_rate"), RATE_MAX),
}
BLACKLIST = {"type": "blacklist"}
DETECTION_RATES = (
    *("syns", "acks", "rsts", "udp", "amplification", "icmp", "fragments", "malformed"),
    *("connections", "requests", "slow", "packets", "bits"),
)
DETECTION_NUMBERS = {
    "handshake_ratio": RATIO_MAX,
    "carpet_factor": CARPET_FACTOR_MAX,
    "quiet_seconds": QUIET_SECONDS_MAX,
    "response_seconds": RESPONSE_SECONDS_MAX,
    "response_max": RESPONSE_ENTRIES_MAX,
    "limit_pps": PACKETS_MAX,
}
"""Maximum of each; the minimum is 1."""


@dataclass(frozen=True)
class Edge:
    """A limit of a field."""

    name: str
    at: Document
    beyond: Document
    field: str
    """The path in the error message when it is refused."""


def policy(*rules: Document, **fields: Any) -> Document:
    return {"name": "x", "rules": list(rules), **fields}


def profile(number: int = 0, **fields: Any) -> Document:
    """A profile with its own target."""
    target = f"10.{number >> 8}.{number & 255}.0/24"
    return {"name": f"p{number}", "targets": [target], **fields}


def every_limit() -> list[Document]:
    """One rule of each kind that limits a rate."""
    rates: list[Document] = [
        {"type": "rate_limit", "value": BITS_MIN, "per": per, "unit": unit}
        for per, unit in itertools.product(PER, UNITS)
    ]
    return [*rates, {"type": "icmp_limit", "value": 1}]


def every_request_limit() -> list[Document]:
    """One rule of each kind that limits requests, with the maximum number of paths."""
    limit: Document = {"type": "rate_limit", "value": 1, "unit": "requests"}
    paths = [f"/{number}" for number in range(abi.REQUEST_PATHS_MAX)]
    return [*({**limit, "per": per} for per in PER), *({**limit, "path": path} for path in paths)]


def edges() -> Iterator[Edge]:
    """The limits of all fields."""
    yield from _documents()
    yield from _http()
    yield from _requests()
    yield from _numbers()
    yield from _detection()
    yield from _sequences()
    yield from _neighbors()
    yield from _encapsulation()


def _documents() -> Iterator[Edge]:
    long = "n" * NAME_LENGTH_MAX
    yield Edge("name", {"name": long}, {"name": long + "n"}, "name")
    long = "n" * PROFILE_NAME_LENGTH_MAX
    yield Edge(
        "profile name",
        policy(profiles=[profile(name=long)]),
        policy(profiles=[profile(name=long + "n")]),
        "profiles[0].name",
    )
    yield Edge(
        "rules",
        policy(*[BLACKLIST] * RULES_MAX),
        policy(*[BLACKLIST] * (RULES_MAX + 1)),
        "rules",
    )
    yield Edge(
        "rules of a profile",
        policy(profiles=[profile(rules=[BLACKLIST] * RULES_MAX)]),
        policy(profiles=[profile(rules=[BLACKLIST] * (RULES_MAX + 1))]),
        "profiles[0].rules",
    )
    some = [profile(number) for number in range(abi.POLICY_PROFILES_MAX + 1)]
    yield Edge("profiles", policy(profiles=some[:-1]), policy(profiles=some), "profiles")
    hosts = [f"192.0.2.{number}" for number in range(abi.PROFILE_TARGETS_MAX + 1)]
    yield Edge(
        "targets",
        policy(profiles=[profile(targets=hosts[:-1])]),
        policy(profiles=[profile(targets=hosts)]),
        "profiles[0].targets",
    )
    limits = every_limit()
    yield Edge("limits", policy(*limits), policy(*limits, limits[0]), "rules")
    yield Edge(
        "limits of a profile",
        policy(profiles=[profile(rules=limits)]),
        policy(profiles=[profile(rules=[*limits, limits[0]])]),
        "profiles[0].rules",
    )


def _http() -> Iterator[Edge]:
    apart = [1 + 2 * number for number in range(abi.HTTP_PORTS_MAX + 1)]
    for field, at, beyond, end in (
        ("ports", apart[:-1], apart, ""),
        ("ports", [80], [], ""),
        ("ports", [1], [0], "[0]"),
        ("ports", [65535], [65536], "[0]"),
        ("ports", [80, 81], [80, 80], "[1]"),
        ("body_limit", 0, -1, ""),
        ("body_limit", abi.HTTP_BODY_LIMIT_MAX, abi.HTTP_BODY_LIMIT_MAX + 1, ""),
        *(
            (field, value, beyond, "")
            for field, most in HTTP_TIMES.items()
            for value, beyond in ((1, 0), (most, most + 1))
        ),
        ("fail", "closed", "maybe", ""),
        ("other", "pass", "maybe", ""),
    ):
        name = f"http {field} {len(at) if isinstance(at, list) else at}{end} {beyond!r:.12}"
        whole: Document = {"ports": [80]}
        yield Edge(
            name,
            policy(http={**whole, field: at}),
            policy(http={**whole, field: beyond}),
            f"http.{field}{end}",
        )
        yield Edge(
            f"{name} of a profile",
            policy(profiles=[profile(http={**whole, field: at})]),
            policy(profiles=[profile(http={**whole, field: beyond})]),
            f"profiles[0].http.{field}{end}",
        )


def _requests() -> Iterator[Edge]:
    http: Document = {"http": {"ports": [80]}}
    limit: Document = {"type": "rate_limit", "value": 1, "unit": "requests"}
    long = "/" + "p" * (abi.REQUEST_PATH - 1)
    limits = every_request_limit()
    yield Edge("requests", policy(*limits, **http), policy(*limits), "rules[0].unit")
    yield Edge(
        "paths",
        policy(*limits, **http),
        policy(*limits, {**limit, "path": "/more"}, **http),
        "rules",
    )
    for field, at, beyond in (
        ("value", 1, 0),
        ("value", PACKETS_MAX, PACKETS_MAX + 1),
        ("burst", BURST_SECONDS_MAX, BURST_SECONDS_MAX + 1),
        ("path", long, long + "p"),
        ("path", "/", ""),
        ("path", "/a/", "/a//b"),
        ("path", "/a/.b", "/a/.."),
        ("path", "/a b", "/a%20b"),
    ):
        yield Edge(
            f"requests {field} {at!r:.9} {beyond!r:.9}",
            policy({**limit, field: at}, **http),
            policy({**limit, field: beyond}, **http),
            f"rules[0].{field}",
        )


def _numbers() -> Iterator[Edge]:
    for value, beyond in ((1, 0), (SYN_RATE_MAX, SYN_RATE_MAX + 1)):
        yield Edge(
            f"syn_rate {value}",
            policy(syn="auto", syn_rate=value),
            policy(syn="auto", syn_rate=beyond),
            "syn_rate",
        )
    most = CONNECTIONS_OF_SOURCE_MAX
    yield from _of_rule({"type": "connection_limit"}, "value", (1, 0), (most, most + 1))
    for per, unit in itertools.product(PER, UNITS):
        rate = {"type": "rate_limit", "per": per, "unit": unit}
        least, most = (BITS_MIN, BITS_MAX) if unit == "bits" else (1, PACKETS_MAX)
        yield from _of_rule(rate, "value", (least, least - 1), (most, most + 1))
        burst_least = BURST_BITS_MIN if unit == "bits" else 1
        for value in (least, most):
            burst = max(BURST_SECONDS_MAX * value, burst_least)
            numbers = (burst_least, burst_least - 1), (burst, burst + 1)
            yield from _of_rule({**rate, "value": value}, "burst", *numbers)
    icmp: Document = {"type": "icmp_limit"}
    yield from _of_rule(icmp, "value", (1, 0), (PACKETS_MAX, PACKETS_MAX + 1))
    burst = BURST_SECONDS_MAX * PACKETS_MAX
    yield from _of_rule({**icmp, "value": PACKETS_MAX}, "burst", (1, 0), (burst, burst + 1))
    for kind, per in itertools.product(("rate_limit", "icmp_limit"), ("prefix", "destination")):
        rate = {"type": kind, "per": per, "value": 1}
        yield from _of_rule(rate, "prefix_ipv4", (1, 0), (32, 33))
        yield from _of_rule(rate, "prefix_ipv6", (1, 0), (128, 129))


def _detection() -> Iterator[Edge]:
    rule: Document = {"type": "detection"}
    for field in DETECTION_RATES:
        most = BITS_MAX if field == "bits" else PACKETS_MAX
        yield from _of_rule(rule, field, (0, -1), (most, most + 1))
    for field, most in DETECTION_NUMBERS.items():
        yield from _of_rule(rule, field, (1, 0), (most, most + 1))
    yield from _of_rule(rule, "spoofed_share", (0.1, 0.09), (1, 1.01))
    for response in ("none", "limit", "syn_proxy", "blacklist"):
        yield from _of_rule(rule, "response", (response, "shout"))


def _encapsulation() -> Iterator[Edge]:
    rule: Document = {"type": "encapsulation"}
    for name in ("mpls", "pppoe", "vxlan", "gre"):
        yield from _of_rule(rule, name, *((one, "look") for one in ("judge", "pass", "refuse")))
    yield from _of_rule(rule, "vxlan_port", (1, 0), (65535, 65536))


def _sequences() -> Iterator[Edge]:
    for kind, reason in (
        ("sanity", "land"),
        ("blacklist", "blacklist"),
        ("connection_state", "out_of_state"),
        ("link", "link_limit"),
        ("http_framing", "http_version"),
        ("http_slow", "http_slow_head"),
    ):
        yield from _of_rule({"type": kind}, "reasons", ([reason] * 64, [reason] * 65))
    names = [f"g{number}" for number in range(GROUPS_MAX + 1)]
    groups = [dict.fromkeys(found, "off") for found in (names[:-1], names)]
    yield from _of_rule({"type": "waf"}, "groups", tuple(groups))
    apart = [
        policy(
            {"type": "waf", "groups": groups[0]},
            profiles=[profile(rules=[{"type": "waf", "groups": {name: "off"}}])],
        )
        for name in (names[0], names[-1])
    ]
    yield Edge("groups of all profiles", *apart, "policy")
    named = [
        policy({"type": "waf", "groups": {name: "off"}})
        for name in ("n" * GROUP_CHARACTERS_MAX, "none")
    ]
    yield Edge("group none", *named, "rules[0].groups")
    codes = sorted(COUNTRIES)
    for kind in ("geo_block", "geo_allow"):
        yield from _of_rule({"type": kind}, "countries", (codes, [*codes, codes[0]]))
        some: Document = {"type": kind, "countries": ["DE"]}
        yield from _of_rule(some, "unknown", ("allow", "maybe"), ("block", "maybe"))
    for protocol, name in itertools.product(("tcp", "udp"), ("allow", "deny")):
        ports: Document = {"type": "ports", "protocol": protocol}
        apart = [2 * number for number in range(abi.PORT_RANGES_MAX + 1)]
        yield from _of_rule(ports, name, (apart[:-1], apart))
        near = list(range(65))
        yield from _of_rule(ports, name, (near[:-1], near))
        for at, beyond in ((65535, 65536), (0, -1)):
            (edge,) = _of_rule(ports, name, ([at], [beyond]))
            yield Edge(edge.name, edge.at, edge.beyond, f"rules[0].{name}[0]")
        (edge,) = _of_rule(ports, name, (["0-65535"], ["0-65536"]))
        yield Edge(edge.name, edge.at, edge.beyond, f"rules[0].{name}[0]")
    for name in ("allow", "deny"):
        near = [0x9000 + number for number in range(abi.PORT_RANGES_MAX + 1)]
        apart = [0x9000 + 2 * number for number in range(abi.PORT_RANGES_MAX + 1)]
        kind: Document = {"type": "ethertypes"}
        yield from _of_rule(kind, name, (near[:-1], near), (apart[:-1], apart))
        for at, beyond in ((0x0600, 0x05FF), (0xFFFF, 0x10000)):
            (edge,) = _of_rule(kind, name, ([at], [beyond]))
            yield Edge(f"{edge.name} {at}", edge.at, edge.beyond, f"rules[0].{name}[0]")
    for name in ("allow", "deny"):
        every = list(range(256))
        yield from _of_rule({"type": "protocols"}, name, (every, [*every, 0]))
        for at, beyond in ((0, -1), (255, 256)):
            (edge,) = _of_rule({"type": "protocols"}, name, ([at], [beyond]))
            yield Edge(f"{edge.name} {at}", edge.at, edge.beyond, f"rules[0].{name}[0]")
    amplified: Document = {"type": "udp_amplification"}
    reflectors = [{"port": number} for number in range(abi.REFLECTORS_MAX + 1)]
    yield from _of_rule(amplified, "reflectors", (reflectors[:-1], reflectors))
    for field, at, beyond in (
        *(("port", 0, -1), ("port", 65535, 65536)),
        *(("size_min", 8, 7), ("size_min", 65535, 65536)),
    ):
        yield Edge(
            f"reflector {field} {at}",
            policy({**amplified, "reflectors": [{"port": 53, field: at}]}),
            policy({**amplified, "reflectors": [{"port": 53, field: beyond}]}),
            f"rules[0].reflectors[0].{field}",
        )


def _neighbors() -> Iterator[Edge]:
    def of(*written: Document) -> Document:
        return policy(neighbors=list(written))

    router: Document = {"address": "192.0.2.1", "protocols": ["bgp"]}
    many = [{**router, "address": f"10.0.{n >> 8}.{n & 255}"} for n in range(abi.NEIGHBORS_MAX + 1)]
    yield Edge("neighbors", of(*many[:-1]), of(*many), "neighbors")
    every = [one.name.lower() for one in abi.Neighbor]
    long = "n" * NEIGHBOR_NAME_LENGTH_MAX
    for field, at, beyond in (
        ("protocols", every, [*every, "bgp"]),
        ("protocols", ["vrrp"], []),
        ("name", long, long + "n"),
        ("name", "n", ""),
        ("address", "192.0.2.0/24", "192.0.2.0/23"),
        ("address", "2001:db8::/64", "2001:db8::/63"),
        ("address", "0.0.0.0/24", "::ffff:0:0/96"),
    ):
        yield Edge(
            f"neighbor {field} {len(at)} {at[0]}",
            of({**router, field: at}),
            of({**router, field: beyond}),
            f"neighbors[0].{field}",
        )


def _of_rule(rule: Document, field: str, *values: tuple[Any, Any]) -> Iterator[Edge]:
    for at, beyond in values:
        name = " ".join(map(str, rule.values())) + f" {field}"
        end = "" if isinstance(at, list) else f" {at}"
        yield Edge(
            name + end,
            policy({**rule, field: at}),
            policy({**rule, field: beyond}),
            f"rules[0].{field}",
        )


def most_targets() -> Document:
    """The maximum number of targets, in as few bytes as possible."""
    hosts = (f"1.{a}.{b}.{c}" for a, b, c in itertools.product(range(40), repeat=3))
    return policy(
        profiles=[
            profile(number, targets=list(itertools.islice(hosts, abi.PROFILE_TARGETS_MAX)))
            for number in range(abi.POLICY_PROFILES_MAX)
        ]
    )
