"""The table of routers that a policy names: its limits, and how a document fills it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from scapy.packet import Raw

from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import Neighbor
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.harness import Harness
from tests.native.stages.neighbors.neighbors_support import (
    SAID,
    frame,
    is_heard,
    named,
    strict,
    tcp,
)
from tests.native.tables.policy_support import Lcores, opened_profiles

FASTPATH = Path(__file__).parents[4] / "dataplane" / "fastpath"


def test_a_policy_that_is_applied_names_them_until_another_does_not(harness: Harness) -> None:
    rule = {"type": "protocols", "allow": []}
    strict = {"name": "x", "rules": [rule]}
    peers = [{"address": frames.CLIENT4, "protocols": ["bgp"]}]
    workers, kept = Lcores(1), harness.node.policy
    with opened_profiles(harness.library, workers) as profiles:
        heard = []
        for neighbors in ([], peers, []):
            profiles.apply({**strict, "neighbors": neighbors})
            harness.node.policy = workers.node.policy
            heard.append(is_heard(harness, frame(6, tcp(dport=179))))
            assert not is_heard(harness, frame(89, Raw(bytes(24))))
            workers.go_on()
        harness.node.policy = kept
    assert heard == [False, True, False]


@pytest.mark.parametrize("protocols", [0, 1 << abi.NEIGHBOR_COUNT])
def test_a_neighbour_says_something_that_is_known(harness: Harness, protocols: int) -> None:
    with PolicyTable(harness.library) as table, pytest.raises(NativeError) as caught:
        table.neighbor(*Network.parse(frames.CLIENT4), protocols)
    assert caught.value.errno == errno.EINVAL


def test_more_neighbours_than_there_is_room_for_are_refused(harness: Harness) -> None:
    with PolicyTable(harness.library) as table:
        for number in range(abi.NEIGHBORS_MAX):
            table.neighbor(*Network.parse(f"10.0.{number >> 8}.{number & 255}"), 1)
        with pytest.raises(NativeError) as caught:
            table.neighbor(*Network.parse("10.1.0.0"), 1)
        assert caught.value.errno == errno.ENOSPC
        table.build(bytes(16))


def test_the_last_of_many_is_known(harness: Harness) -> None:
    """Numbers and masks go together."""

    def fill(table: PolicyTable) -> None:
        named()(table)
        for number in range(abi.NEIGHBORS_MAX):
            said = 1 << number % abi.NEIGHBOR_COUNT
            table.neighbor(*Network.parse(f"203.0.113.{255 - number}"), said)

    with strict(harness):
        harness.use_policy(fill)
        for host in (0, 7, 255):
            said = Neighbor((255 - host) % abi.NEIGHBOR_COUNT)
            for name, (other, protocol, make) in SAID.items():
                ip = frames.ip4(src=f"203.0.113.{host}", proto=protocol)
                heard = is_heard(harness, bytes(frames.link("untagged") / ip / make()))
                assert heard is (other is said), (host, name)


def test_the_readme_lists_every_protocol() -> None:
    text = (FASTPATH / "include" / "defs" / "neighbor.def").read_text()
    rows = re.findall(r'^SB_NEIGHBOR\((\w+), \w+, \w+, "(.*)"\)$', text, re.MULTILINE)
    assert [name for name, _ in rows] == [one.name for one in Neighbor]
    readme = (FASTPATH / "README.md").read_text()
    for name, says in rows:
        assert f"| `{name.lower()}` | {says} |" in readme, name
