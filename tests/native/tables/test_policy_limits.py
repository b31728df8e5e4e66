"""Whatever validation takes, the packet path has room for."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.native import abi
from dataplane.native.abi import Scope, Unit, Use
from dataplane.policy import parse_policy
from dataplane.policy.document import RULES_MAX
from dataplane.policy.limit import (
    BITS_MAX,
    BITS_MIN,
    BURST_BITS_MIN,
    BURST_SECONDS_MAX,
    PACKETS_MAX,
)
from dataplane.policy.rules.packets.sanity import SanityRule
from tests.native.tables.policy_support import Lcores, built, opened_profiles
from tests.support.documents.policy_limits import (
    PER,
    UNITS,
    Document,
    Edge,
    edges,
    every_limit,
    every_request_limit,
    most_targets,
    policy,
    profile,
)


@pytest.mark.parametrize("lcores", [1, abi.LCORES_MAX])
@pytest.mark.parametrize("edge", list(edges()), ids=lambda edge: edge.name)
def test_what_lies_at_the_limit_of_a_field_is_built(
    library: ctypes.CDLL, edge: Edge, lcores: int
) -> None:
    built(library, edge.at, lcores).close()


def test_a_profile_has_room_for_every_kind_of_limit(library: ctypes.CDLL) -> None:
    with built(library, policy(profiles=[profile(rules=every_limit())])) as table:
        found = table.profile(1)
        kinds = {(one.scope, one.unit, one.icmp_only) for one in found.limit[: found.limit_count]}
        rates = {
            (scope, unit, 0)
            for scope, unit in itertools.product(Scope, Unit)
            if unit is not Unit.REQUESTS
        }
        assert kinds == rates | {(Scope.SOURCE, Unit.PACKETS, 1)}
        assert found.limit_count == abi.LIMITS_MAX
        assert found.uses == Use.LIMITS


def test_a_profile_has_room_for_every_kind_of_request_limit(library: ctypes.CDLL) -> None:
    http = {"ports": [80]}
    with built(library, policy(*every_request_limit(), http=http)) as table:
        found = table.profile(0).http
        limits = found.request_limit[: found.request_limit_count]
        assert len(limits) == abi.REQUEST_LIMITS_MAX
        assert {one.limit.unit for one in limits} == {Unit.REQUESTS}
        assert [one.limit.scope for one in limits if not one.path_size] == list(Scope)
        assert len({one.limit.salt for one in limits}) == len(limits)
        assert (table.profile(0).limit_count, table.profile(0).uses) == (0, Use.HTTP)


def test_the_largest_fields_do_not_write_over_each_other(library: ctypes.CDLL) -> None:
    ranges = [2 * number for number in range(abi.PORT_RANGES_MAX)]
    reflectors = [{"port": number} for number in range(abi.REFLECTORS_MAX)]
    rules = [
        *every_limit(),
        {"type": "ports", "protocol": "tcp", "allow": ranges},
        {"type": "ports", "protocol": "udp", "deny": ranges},
        {"type": "udp_amplification", "reflectors": reflectors},
        {"type": "connection_limit", "value": 7},
    ]
    with built(library, policy(*rules)) as table:
        found = table.profile(0)
        assert [limit.reason for limit in found.limit].count(0) == 0
        for ports in (found.ports_tcp, found.ports_udp):
            assert [(one.first, one.last) for one in ports.range] == [(n, n) for n in ranges]
        assert [one.port for one in found.reflector] == list(range(abi.REFLECTORS_MAX))
        assert found.connections_max == 7


def test_as_many_targets_as_there_can_be_are_built(library: ctypes.CDLL) -> None:
    with built(library, most_targets()) as table:
        assert table.select(bytes(10) + b"\xff\xff\x01" + bytes([39, 39, 39])) == 1000


# --- random policies --------------------------------------------------------------------------

ACTIONS = st.sampled_from(["enforce", "monitor", "off"])
NAMES = [reason.name.lower() for reason in SanityRule.REASONS]
PORTS = st.integers(0, 65535)
RANGES = st.tuples(PORTS, PORTS).map(lambda pair: f"{min(pair)}-{max(pair)}")
SOME_PORTS = st.lists(PORTS | RANGES, max_size=abi.PORT_RANGES_MAX)
REFLECTORS = st.lists(
    st.fixed_dictionaries({"port": PORTS}, optional={"size_min": st.integers(8, 65535)}),
    min_size=1,
    max_size=abi.REFLECTORS_MAX,
    unique_by=lambda one: one["port"],
)
CODES = st.lists(st.sampled_from(["DE", "US", "ZZ", "EU"]), min_size=1, max_size=9)


def rate(kind: Document, least: int, most: int) -> st.SearchStrategy[Document]:
    """A limit that is taken."""
    burst_least = BURST_BITS_MIN if kind.get("unit") == "bits" else 1
    extra = {"burst": st.integers(burst_least, BURST_SECONDS_MAX * least)}
    if kind.get("per") in {"prefix", "destination"}:
        extra |= {"prefix_ipv4": st.integers(1, 32), "prefix_ipv6": st.integers(1, 128)}
    fields = {"value": st.integers(least, most), "action": ACTIONS}
    return st.fixed_dictionaries(fields, optional=extra).map(lambda rule: {**kind, **rule})


def with_action(rule: Document, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    made = st.fixed_dictionaries({"action": ACTIONS, **fields})
    return made.map(lambda drawn: {**rule, **drawn})


INSIDE = st.sampled_from(["judge", "pass", "refuse"])
ONCE: list[st.SearchStrategy[Document]] = [
    *(
        rate(
            {"type": "rate_limit", "per": per, "unit": unit},
            *((BITS_MIN, BITS_MAX) if unit == "bits" else (1, PACKETS_MAX)),
        )
        for per, unit in itertools.product(PER, UNITS)
    ),
    *(rate({"type": "rate_limit", "per": per, "unit": "requests"}, 1, PACKETS_MAX) for per in PER),
    rate({"type": "icmp_limit"}, 1, PACKETS_MAX),
    with_action({"type": "fragments"}),
    *(
        with_action({"type": "ports", "protocol": protocol}, **{name: SOME_PORTS})
        for protocol, name in (("tcp", "allow"), ("udp", "deny"))
    ),
    with_action({"type": "udp_amplification"}, reflectors=REFLECTORS),
    *(with_action({"type": kind}, countries=CODES) for kind in ("geo_block", "geo_allow")),
    with_action({"type": "ethertypes"}, deny=st.just(["llc", "mpls", 0x9200])),
    with_action(
        {"type": "encapsulation"},
        **dict.fromkeys(("mpls", "pppoe", "vxlan", "gre"), INSIDE),
        vxlan_port=st.integers(1, 65535),
    ),
    with_action({"type": "bogons"}),
    with_action({"type": "protocols"}, allow=st.just(["tcp", "udp", "icmp", 132])),
    with_action({"type": "connection_limit"}, value=st.integers(1, 10**6)),
]
MANY = st.one_of(
    with_action({"type": "blacklist"}),
    with_action({"type": "sanity"}, reasons=st.lists(st.sampled_from(NAMES), min_size=1)),
    with_action({"type": "connection_state"}),
    with_action({"type": "link"}),
    with_action({"type": "http_slow"}),
)


@st.composite
def rules(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[Document]:
    """Up to as many as a profile takes: of each kind that there may be one of, one or none."""
    once = draw(st.permutations(ONCE))[: draw(st.integers(0, len(ONCE)))]
    drawn = [draw(strategy) for strategy in once]
    some = draw(st.lists(MANY, max_size=4))
    count = draw(st.integers(0, RULES_MAX - len(drawn)))
    return drawn + list(itertools.islice(itertools.cycle(some), count if some else 0))


OF_NO_TARGET = {"ethertypes", "link"}
SAID = [one.name.lower() for one in abi.Neighbor]
NEIGHBORS = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.sampled_from(["192.0.2.1", "192.0.2.0/24", "2001:db8::/64", "::1"]),
            "protocols": st.lists(st.sampled_from(SAID), min_size=1, max_size=len(SAID)),
        }
    ),
    max_size=4,
    unique_by=lambda one: one["address"],
)


@st.composite
def policies(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Document:
    """The default profile and up to three others."""
    modes = st.fixed_dictionaries(
        {"http": st.just({"ports": [80]})},
        optional={"mode": ACTIONS, "syn": st.sampled_from(["off", "auto", "always"])},
    )
    count = draw(st.integers(0, 3))
    others = [
        profile(
            number,
            rules=[
                {name: value for name, value in one.items() if name not in {"mpls", "pppoe"}}
                for one in draw(rules())
                if one["type"] not in OF_NO_TARGET
            ],
            **draw(modes),
        )
        for number in range(count)
    ]
    named = {"neighbors": draw(NEIGHBORS), "profiles": others}
    return policy(*draw(rules()), **named, **draw(modes))


@pytest.mark.parametrize("lcores", [1, 2, abi.LCORES_MAX])
def test_random_policies_that_are_valid_are_applied(library: ctypes.CDLL, lcores: int) -> None:
    workers = Lcores(lcores)

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(document=policies())
    def check(document: Document) -> None:
        parse_policy(document)
        workers.go_on()
        profiles.apply(document)

    with opened_profiles(library, workers) as profiles:
        check()
