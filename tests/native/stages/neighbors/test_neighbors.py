"""Routers that the policy names: what they may say is judged by sanity and lists alone."""

from __future__ import annotations

import pytest
from scapy.packet import Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Neighbor, PacketFlag, Port, Reason, Verdict
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger
from tests.native.stages.neighbors.neighbors_support import (
    EVERYTHING,
    OTHERS,
    ROUTERS,
    SAID,
    frame,
    is_heard,
    named,
    strict,
    tcp,
    turned,
)


@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", sorted(SAID))
def test_what_a_neighbour_may_say_passes_whatever_the_policy_refuses(
    harness: Harness, name: str, version: int, link: str
) -> None:
    said, protocol, make = SAID[name]
    data = frame(protocol, make(), version, link)
    with strict(harness, *ROUTERS, protocols=1 << said):
        assert all(is_heard(harness, data) for _ in range(5))
        assert is_heard(harness, Frame(turned(data, version, link), Port.INSIDE))
        counted = harness.stats.neighbor
        assert (counted[Port.OUTSIDE][said], counted[Port.INSIDE][said]) == (5, 1)
        assert sum(map(sum, counted)) == 6


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", sorted(SAID))
def test_what_it_is_not_named_for_is_judged(harness: Harness, name: str, version: int) -> None:
    said, protocol, make = SAID[name]
    with strict(harness, *ROUTERS, protocols=EVERYTHING & ~(1 << said)):
        assert not is_heard(harness, frame(protocol, make(), version))
        assert sum(map(sum, harness.stats.neighbor)) == 0


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", sorted(OTHERS))
def test_its_other_traffic_is_judged(harness: Harness, name: str, version: int) -> None:
    protocol, make = OTHERS[name]
    with strict(harness, *ROUTERS):
        assert not is_heard(harness, frame(protocol, make(), version))


def test_who_is_not_named_is_judged(harness: Harness) -> None:
    with strict(harness, "203.0.113.8", "2001:db8::8"):
        assert not is_heard(harness, frame(6, tcp(dport=179)))
        assert not is_heard(harness, frame(6, tcp(dport=179), 6))


def test_a_neighbour_is_outside(harness: Harness) -> None:
    """Named by the protected address it is nobody."""
    with strict(harness, frames.SERVER4):
        assert not is_heard(harness, frame(6, tcp(dport=179)))


@pytest.mark.parametrize("proto", [6, 17])
def test_a_later_fragment_has_no_port_to_know_it_by(harness: Harness, proto: int) -> None:
    later = frames.link("untagged") / frames.ip4(frag=100, proto=proto) / Raw(b"\0\xb3" * 12)
    with strict(harness, *ROUTERS):
        assert not is_heard(harness, bytes(later))


def test_a_fragment_of_ospf_is_known_by_its_protocol(harness: Harness) -> None:
    later = frames.link("untagged") / frames.ip4(frag=100, proto=89) / Raw(bytes(24))
    with strict(harness, *ROUTERS):
        assert is_heard(harness, bytes(later))


@pytest.mark.parametrize(
    ("networks", "heard"),
    [
        (("203.0.113.0/24",), True),
        (("203.0.113.0/29",), True),
        (("203.0.113.8/29",), False),
        (("::ffff:203.0.113.7",), True),
        (("2001:db8::/64",), False),
    ],
)
def test_a_neighbour_may_be_a_prefix(
    harness: Harness, networks: tuple[str, ...], heard: bool
) -> None:
    with strict(harness, *networks):
        assert is_heard(harness, frame(89, Raw(bytes(24)))) is heard


def test_an_ipv6_header_may_name_an_ipv4_neighbour(harness: Harness) -> None:
    mapped = frames.ip6(src=f"::ffff:{frames.CLIENT4}", nh=89)
    with strict(harness, frames.CLIENT4):
        assert is_heard(harness, bytes(frames.link("untagged") / mapped / Raw(bytes(24))))


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_that_contain_it_the_longer_decides(harness: Harness, order: int) -> None:
    both = [("203.0.113.0/24", 1 << Neighbor.OSPF), (frames.CLIENT4, 1 << Neighbor.BGP)][::order]

    def fill(table: PolicyTable) -> None:
        named()(table)
        for network, protocols in both:
            table.neighbor(*Network.parse(network), protocols)

    with strict(harness):
        harness.use_policy(fill)
        assert is_heard(harness, frame(6, tcp(dport=179)))
        assert not is_heard(harness, frame(89, Raw(bytes(24))))


def test_of_a_burst_each_is_looked_at(harness: Harness) -> None:
    with strict(harness, frames.CLIENT4):
        burst = [
            frame(6, tcp(dport=179)),
            frame(6, tcp(dport=80)),
            frame(6, tcp(dport=179), 6),
            frame(89, Raw(bytes(24))),
        ]
        verdicts = [packet.verdict == Verdict.PASS for packet in harness.run(burst)]
        assert verdicts == [True, False, False, True]
        assert list(harness.burst.live[: harness.burst.live_count]) == [0, 3]
        assert_ledger(harness)


@pytest.mark.parametrize("network", [frames.CLIENT4, "203.0.113.0/24"])
def test_a_ban_beats_it(harness: Harness, network: str) -> None:
    with strict(harness, frames.CLIENT4), Lists(harness.library, 64, 64, 1, bytes(16)) as lists:
        key, length = Network.parse(network)
        lists.put(pack([(key, length, ListKind.BLACKLIST, abi.DEADLINE_NEVER)]))
        lists.commit()
        harness.node.lists = lists.address
        packet = harness.run_one(frame(6, tcp(dport=179)))
        harness.node.lists = 0
    assert Reason(packet.reason) is Reason.BLACKLIST


def test_sanity_judges_it(harness: Harness) -> None:
    with strict(harness, frames.CLIENT4):
        packet = harness.run_one(frame(6, tcp(dport=179, flags="SF")))
    assert Reason(packet.reason) is Reason.TCP_FLAGS


def test_of_each_so_many_pass_in_a_second_and_then_it_is_judged_as_all(harness: Harness) -> None:
    with strict(harness, frames.CLIENT4, frames.CLIENT6):
        one, burst = frame(6, tcp(dport=179)), 25
        for at in range(0, abi.NEIGHBOR_PPS_MAX, burst):
            assert all(p.verdict == Verdict.PASS for p in harness.run([one] * burst)), at
        packet = harness.run_one(one)
        assert Reason(packet.reason) is Reason.GEO_ALLOW
        assert harness.stats.neighbor_beyond[Neighbor.BGP] == 1
        assert harness.stats.neighbor[Port.OUTSIDE][Neighbor.BGP] == abi.NEIGHBOR_PPS_MAX
        assert not is_heard(harness, frame(89, Raw(bytes(24)))), "one budget for all it says"
        assert is_heard(harness, frame(89, Raw(bytes(24)), 6)), "and one for each neighbour"
        back = Frame(turned(one, 4, "untagged"), Port.INSIDE)
        assert is_heard(harness, back), "what protected hosts send is never refused"
        harness.time.tsc += 10**9 // abi.NEIGHBOR_PPS_MAX + 1
        assert is_heard(harness, one)
        assert not is_heard(harness, one)


def test_monitor_and_off_let_it_be(harness: Harness) -> None:
    for mode in Mode:
        with strict(harness, frames.CLIENT4):
            for reason in (Reason.GEO_ALLOW, Reason.PROTOCOLS, Reason.RATE_SOURCE_PACKETS):
                harness.set_mode(reason, mode)
            packet = harness.run_one(frame(6, tcp(dport=179)))
            assert packet.verdict == Verdict.PASS
            assert not packet.flags & PacketFlag.WOULD_DROP
