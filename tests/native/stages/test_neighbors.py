"""Routers that the policy names: what they may say is judged by sanity and lists alone."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Neighbor, PacketFlag, Port, Reason, Use, Verdict
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SYN,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import FRAMES, proxying, segment, step
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger
from tests.native.stages.countries_support import country_table
from tests.native.stages.limits.limits_support import buckets, put_limit
from tests.native.tables.policy_support import Lcores, opened_profiles

FASTPATH = Path(__file__).parents[3] / "dataplane" / "fastpath"
ROUTERS = (frames.CLIENT4, frames.CLIENT6)
EVERYTHING = (1 << abi.NEIGHBOR_COUNT) - 1


def tcp(**ports: int) -> Layer:
    return TCP(**{"sport": 40000, "dport": 40001, "flags": "A"} | ports)


def udp(dport: int) -> Layer:
    return UDP(sport=49152, dport=dport) / Raw(bytes(24))


SAID: dict[str, tuple[Neighbor, int, Callable[[], Layer]]] = {
    "bgp": (Neighbor.BGP, 6, lambda: tcp(dport=179)),
    "bgp answered": (Neighbor.BGP, 6, lambda: tcp(sport=179)),
    "bfd": (Neighbor.BFD, 17, lambda: udp(4784)),
    "ospf": (Neighbor.OSPF, 89, lambda: Raw(bytes(24))),
    "eigrp": (Neighbor.EIGRP, 88, lambda: Raw(bytes(20))),
    "rip": (Neighbor.RIP, 17, lambda: udp(520)),
    "ldp hello": (Neighbor.LDP, 17, lambda: udp(646)),
    "ldp": (Neighbor.LDP, 6, lambda: tcp(dport=646)),
    "ldp answered": (Neighbor.LDP, 6, lambda: tcp(sport=646)),
    "msdp": (Neighbor.MSDP, 6, lambda: tcp(dport=639)),
    "msdp answered": (Neighbor.MSDP, 6, lambda: tcp(sport=639)),
    "pim": (Neighbor.PIM, 103, lambda: Raw(bytes(8))),
    "vrrp": (Neighbor.VRRP, 112, lambda: Raw(bytes(12))),
}
OTHERS: dict[str, tuple[int, Callable[[], Layer]]] = {
    "web": (6, lambda: tcp(dport=80)),
    "dns": (17, lambda: udp(53)),
    "from bfd's port": (17, lambda: UDP(sport=4784, dport=53) / Raw(bytes(24))),
    "bgp's port over udp": (17, lambda: udp(179)),
    "bfd's port over tcp": (6, lambda: tcp(dport=4784)),
    "bfd of the link, through a router": (17, lambda: udp(3784)),
    "gre": (47, lambda: Raw(bytes(24))),
    "esp": (50, lambda: Raw(bytes(24))),
}


def frame(protocol: int, payload: Layer, version: int = 4, link: str = "untagged") -> bytes:
    """From the neighbour, after some routers."""
    field = {"proto": protocol, "ttl": 61} if version == 4 else {"nh": protocol, "hlim": 61}
    ip = (frames.ip4 if version == 4 else frames.ip6)(**field)
    return bytes(frames.link(link) / ip / payload)


def turned(data: bytes, version: int, link: str) -> bytes:
    """The same between the same hosts the other way round."""
    at, size = frames.LINKS[link] + (12 if version == 4 else 8), 4 if version == 4 else 16
    source, target = data[at : at + size], data[at + size : at + 2 * size]
    return data[:at] + target + source + data[at + 2 * size :]


def named(*networks: str, protocols: int = EVERYTHING) -> Callable[[PolicyTable], None]:
    """A policy that refuses everything else: protocols, fragments, countries, all but a packet."""

    def fill(table: PolicyTable) -> None:
        profile = table.add(0)
        profile.uses |= Use.PROTOCOLS | Use.FRAGMENTS | Use.GEO_ALLOW
        profile.protocols[:] = [2**64 - 1] * abi.PROTOCOL_WORDS
        profile.geo_allow[0] = 2
        put_limit(profile, Reason.RATE_SOURCE_PACKETS, 1, 1)
        for network in networks:
            table.neighbor(*Network.parse(network), protocols)

    return fill


@contextmanager
def strict(harness: Harness, *networks: str, protocols: int = EVERYTHING) -> Iterator[None]:
    """Everybody is in a country that is not allowed."""
    with buckets(harness), country_table(harness.library, [(0, 0)], [(0, 0)]) as countries:
        harness.node.countries = countries.address
        harness.use_policy(named(*networks, protocols=protocols))
        yield
        harness.node.countries = 0


def is_heard(harness: Harness, data: bytes | Frame) -> bool:
    packet = harness.run_one(data)
    is_neighbor = PacketFlag.NEIGHBOR in PacketFlag(packet.flags)
    assert is_neighbor is (packet.verdict == Verdict.PASS)
    return is_neighbor


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


# --- what is judged all the same ------------------------------------------------------------------


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


# --- connections and the SYN proxy ----------------------------------------------------------------


BGP = Pair(server_port=179)


def peering(table: PolicyTable) -> None:
    table.neighbor(*Network.parse(frames.CLIENT4), 1 << Neighbor.BGP)


def test_a_segment_of_no_connection_is_not_refused(harness: Harness) -> None:
    harness.use_policy(peering)
    with tracking(harness):
        assert passes(harness, BGP.tcp(OUTSIDE, ACK | PSH, 7, 9, size=19))
        assert passes(harness, BGP.tcp(OUTSIDE, RST, 7))
        other = Pair(server_port=80)
        assert fate(harness, other.tcp(OUTSIDE, ACK | PSH, 7, 9)) == [Reason.OUT_OF_STATE]


def test_a_segment_out_of_the_window_is_not_refused(harness: Harness) -> None:
    harness.use_policy(peering)
    with tracking(harness):
        assert passes(harness, *BGP.handshake(), BGP.tcp(OUTSIDE, ACK | PSH, 2**31, 5001, size=19))


def test_it_may_have_more_connections_than_a_source_may(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        table.add(0).connections_max = 1
        peering(table)

    harness.use_policy(fill)
    with tracking(harness):
        for port in (40000, 40001, 40002):
            assert passes(harness, *Pair(client_port=port, server_port=179).handshake())
        one = Pair(client_port=40003, server_port=80)
        assert fate(harness, one.tcp(OUTSIDE, SYN, 1000)) == [Reason.CONNECTIONS_SOURCE]


def test_the_syn_proxy_answers_nothing_in_its_place(harness: Harness) -> None:
    like = FRAMES["ipv4"].copy()
    like[TCP].dport = 179
    harness.use_policy(peering)
    with proxying(harness):
        for sender, flags, *numbers in (
            (OUTSIDE, "S", 1000),
            (INSIDE, "SA", 5000, 1001),
            (OUTSIDE, "A", 1001, 5001),
            (OUTSIDE, "PA", 1001, 5001),
        ):
            sent = segment(bytes(like), sender, flags, *numbers)
            assert [one.frame for one in step(harness, sent)] == [sent.data]
        assert harness.stats.connections.proven == 1
        ((answer),) = step(harness, segment(bytes(FRAMES["ipv4"]), OUTSIDE, "S", 1000))
        assert (answer.port, answer.flags) == (OUTSIDE, "SA"), "its other traffic goes through it"


def test_the_syn_proxy_lets_a_session_through_that_it_never_saw_begin(harness: Harness) -> None:
    like = FRAMES["ipv4"].copy()
    like[TCP].dport = 179
    harness.use_policy(peering)
    with proxying(harness):
        sent = segment(bytes(like), OUTSIDE, "PA", 1001, 5001)
        assert [one.frame for one in step(harness, sent)] == [sent.data]


# --- from a document ------------------------------------------------------------------------------


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


# --- the table ------------------------------------------------------------------------------------


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


def test_monitor_and_off_let_it_be(harness: Harness) -> None:
    for mode in Mode:
        with strict(harness, frames.CLIENT4):
            for reason in (Reason.GEO_ALLOW, Reason.PROTOCOLS, Reason.RATE_SOURCE_PACKETS):
                harness.set_mode(reason, mode)
            packet = harness.run_one(frame(6, tcp(dport=179)))
            assert packet.verdict == Verdict.PASS
            assert not packet.flags & PacketFlag.WOULD_DROP
