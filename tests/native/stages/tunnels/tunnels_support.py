"""Packets inside VXLAN and GRE to an endpoint whose profile has a rule for tunnels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import (
    Encapsulation,
    Inside,
    ListKind,
    Mode,
    PacketFlag,
    Reason,
    Use,
    Verdict,
)
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native.encapsulated import (
    ENDPOINT4,
    ENDPOINT6,
    VXLAN_PORT,
    in_gre,
    in_vxlan,
)
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

KINDS = [Encapsulation.VXLAN, Encapsulation.GRE]
WRAPS: dict[str, Callable[..., bytes]] = {
    "vxlan": in_vxlan,
    "gre": in_gre,
    "gre-bridged": lambda *args, **kwargs: in_gre(*args, bridged=True, **kwargs),
}
KIND_OF = {
    "vxlan": Encapsulation.VXLAN,
    "gre": Encapsulation.GRE,
    "gre-bridged": Encapsulation.GRE,
}
ENDPOINT, PROFILES = 1, 3
"""The profile of the endpoint; its rule does not apply to others."""
NEVER = 0xFFFFFFFF

Fill = Callable[[PolicyTable], None]


def put_endpoint(
    table: PolicyTable, inside: Inside = Inside.JUDGE, port: int = VXLAN_PORT
) -> abi.Profile:
    """Add its profile to a table, and the default one."""
    table.add(0)
    profile = table.add(ENDPOINT)
    profile.uses |= Use.TUNNELS
    profile.vxlan_port = port
    profile.inside[Encapsulation.VXLAN] = profile.inside[Encapsulation.GRE] = inside
    for text in (ENDPOINT4, ENDPOINT6):
        network = Network.parse(text)
        table.target(network.key, network.prefix_length, ENDPOINT)
    return profile


def saying(inside: Inside, *, port: int = VXLAN_PORT, mode: Mode = Mode.ENFORCE) -> Fill:
    def fill(table: PolicyTable) -> None:
        put_endpoint(table, inside, port).mode[Reason.INNER_REFUSED] = mode

    return fill


def listed(harness: Harness, entries: list[tuple[str, ListKind]]) -> Iterator[Lists]:
    with Lists(harness.library, 64, 64, 1, bytes(range(16))) as lists:
        harness.node.lists = lists.address
        for text, kind in entries:
            network = Network.parse(text)
            assert lists.put(pack([(network.key, network.prefix_length, kind, NEVER)])) == 0
        lists.commit()
        yield lists


def reason_of(harness: Harness, data: bytes | Frame) -> Reason:
    harness.reset_stats()
    packet = harness.run_one(data)
    assert_ledger(harness, PROFILES)
    return Reason(packet.reason)


def assert_outer(harness: Harness, data: bytes | Frame, kind: Encapsulation | None) -> None:
    """It was forwarded as the packet that it is outside."""
    harness.reset_stats()
    one = data if isinstance(data, Frame) else Frame(data)
    packet = harness.run_one(one)
    assert (Verdict(packet.verdict), packet.reason) == (Verdict.PASS, Reason.NONE)
    assert PacketFlag.INNER not in PacketFlag(packet.flags)
    assert packet.profile == ENDPOINT
    assert harness.bytes_of(packet) == one.data
    assert sum(harness.stats.inner[one.port]) == (kind is not None)
    assert kind is None or harness.stats.inner[one.port][kind] == 1
