"""What routers say, other traffic, and a policy that refuses everybody but routers it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import Neighbor, PacketFlag, Reason, Use, Verdict
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.stages.countries_support import country_table
from tests.native.stages.limits.limits_support import buckets, put_limit

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
