"""Neighbours of a policy: what is refused, what the packet path is told, what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Neighbor
from dataplane.policy import changes, compile_neighbors, load_policy_file, parse_policy
from dataplane.policy.neighbors import Protocol

ROUTER = {"address": "203.0.113.1", "protocols": ["bgp", "bfd"]}


def policy(*neighbors: object) -> dict[str, Any]:
    return {"name": "x", "neighbors": list(neighbors)}


def refused(*neighbors: object) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parse_policy(policy(*neighbors))
    return caught.value


def told(*neighbors: object) -> list[tuple[str, int]]:
    document = parse_policy(policy(*neighbors))
    return [(str(one.network), one.protocols) for one in compile_neighbors(document.neighbors)]


def test_every_protocol_of_the_packet_path_has_its_word() -> None:
    assert [*get_args(Protocol)] == [one.name.lower() for one in Neighbor]


@pytest.mark.parametrize("one", list(Neighbor))
def test_each_protocol_has_its_bit(one: Neighbor) -> None:
    assert told({"address": "2001:db8::1", "protocols": [one.name.lower()]}) == [
        ("2001:db8::1", 1 << one)
    ]


def test_protocols_go_together_and_may_be_said_twice() -> None:
    both = 1 << Neighbor.BGP | 1 << Neighbor.BFD
    assert told(ROUTER, {"address": "192.0.2.0/30", "protocols": ["ospf", "ospf"]}) == [
        ("203.0.113.1", both),
        ("192.0.2.0/30", 1 << Neighbor.OSPF),
    ]


@pytest.mark.parametrize(
    ("neighbor", "field"),
    [
        ("203.0.113.1", "neighbors[0]"),
        ({"protocols": ["bgp"]}, "neighbors[0].address"),
        ({"address": "203.0.113.1"}, "neighbors[0].protocols"),
        ({**ROUTER, "address": "router"}, "neighbors[0].address"),
        ({**ROUTER, "address": "203.0.113.1/30"}, "neighbors[0].address"),
        ({**ROUTER, "protocols": ["BGP"]}, "neighbors[0].protocols[0]"),
        ({**ROUTER, "protocols": ["isis"]}, "neighbors[0].protocols[0]"),
        ({**ROUTER, "protocols": "bgp"}, "neighbors[0].protocols"),
        ({**ROUTER, "port": 179}, "neighbors[0].port"),
    ],
)
def test_what_is_no_neighbour_is_named(neighbor: object, field: str) -> None:
    error = refused(neighbor)
    assert error.field == field
    assert str(error).startswith(field)


def test_a_network_is_no_neighbour() -> None:
    error = refused({**ROUTER, "address": "0.0.0.0/0"})
    assert str(error) == (
        "neighbors[0].address: '0.0.0.0/0' is no neighbour but a network; an address, or a prefix "
        "of at least /24 of IPv4 or /64 of IPv6"
    )


def test_one_that_is_there_already_is_refused_however_it_is_spelt() -> None:
    error = refused(ROUTER, {"address": "::ffff:203.0.113.1", "protocols": ["ospf"]})
    assert error.field == "neighbors[1].address"
    assert "neighbors[0].address" in str(error)


def test_they_are_the_policys_own() -> None:
    profile = {"name": "a", "targets": ["192.0.2.0/24"], "neighbors": [ROUTER]}
    with pytest.raises(InvalidInputError) as caught:
        parse_policy({"name": "x", "profiles": [profile]})
    assert caught.value.field == "profiles[0].neighbors"


def test_a_policy_without_any_is_stored_as_before() -> None:
    assert parse_policy({"name": "x"}).model_dump(mode="json") == {"name": "x", "rules": []}
    assert parse_policy(policy(ROUTER)).model_dump(mode="json")["neighbors"] == [ROUTER]


def test_each_that_differs_is_a_change() -> None:
    other = {"address": "2001:db8::/64", "protocols": ["ospf"], "name": "core"}
    before, after = parse_policy(policy(ROUTER, other)), parse_policy(policy(other))
    assert [tuple(one) for one in changes(before, after)] == [
        ("default", "neighbor 203.0.113.1", "bfd, bgp", "default")
    ]
    renamed = parse_policy(policy({**other, "protocols": ["ospf", "pim"], "name": "edge"}))
    assert [tuple(one) for one in changes(after, renamed)] == [
        ("default", "neighbor 2001:db8::/64", "ospf (core)", "ospf, pim (edge)")
    ]


def test_of_a_stored_policy_what_this_release_refuses_is_named_by_its_place() -> None:
    stored = policy(ROUTER, {"address": "10.0.0.0/8", "protocols": ["bgp"]})
    assert [tuple(one) for one in changes(stored, parse_policy({"name": "x"}))] == [
        ("default", "neighbor 203.0.113.1", "bfd, bgp", "default"),
        (
            *("default", "neighbors[1]"),
            *('{"address":"10.0.0.0/8","protocols":["bgp"]}', "default"),
        ),
    ]


@pytest.mark.parametrize("neighbors", [7, {"a": 1}, None, "bgp"])
def test_whatever_is_stored_as_neighbours_is_no_error(neighbors: object) -> None:
    assert changes({"name": "x", "neighbors": neighbors}, parse_policy({"name": "x"})) == []


def test_a_file_names_them_as_tables(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'name = "x"\n[[neighbors]]\naddress = "203.0.113.1"\nprotocols = ["bgp", "bfd"]\n'
    )
    assert load_policy_file(path) == parse_policy(policy(ROUTER))


def test_the_capacity_is_the_packet_paths() -> None:
    most = [{**ROUTER, "address": f"10.0.{n >> 8}.{n & 255}"} for n in range(abi.NEIGHBORS_MAX + 1)]
    assert len(told(*most[:-1])) == abi.NEIGHBORS_MAX
    assert refused(*most).field == "neighbors"
