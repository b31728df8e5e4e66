"""A node with the SYN proxy on, and what clients and hosts see of it."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from dataplane.base.settings import ConnectionCapacities, SynProxyCapacities
from dataplane.native import abi
from dataplane.native.abi import PacketFlag, Port, SynProxy, Verdict
from dataplane.tables.lists import HASH_KEY_BYTES
from dataplane.tables.syn_proxy_table import CookieSecrets, SynProxyTable
from tests.native.connections.connections_support import INSIDE, OUTSIDE, SMALL, tracking
from tests.native.harness import Frame, Harness

SECRET = b"sixteen or more bytes"
UTC_MS = 1_700_000_000_000
SLOT_MS = 1000 * abi.COOKIE_SLOT_S
ETHER = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
PORTS = TCP(sport=40000, dport=80)
FRAMES = {
    "ipv4": ETHER / IP(src="203.0.113.7", dst="198.51.100.10") / PORTS,
    "ipv6": ETHER / IPv6(src="2001:db8::7", dst="2001:db8:5::10") / PORTS,
    "vlan": ETHER / Dot1Q(vlan=7) / IP(src="203.0.113.7", dst="198.51.100.10") / PORTS,
    "qinq": ETHER
    / Dot1Q(vlan=2)
    / Dot1Q(vlan=7)
    / IPv6(src="2001:db8::7", dst="2001:db8:5::10")
    / PORTS,
}
VLAN_ETHERTYPES = (b"\x81\x00", b"\x88\xa8")
IPV6_HEADER = 40
ISN, HOST_ISN = 1000, 0xFFFF_FF00
CLIENT_TIME, HOST_TIME = 5_000, 0x8000_0000
FULL = [
    ("MSS", 1460),
    ("SAckOK", b""),
    ("Timestamp", (CLIENT_TIME, 0)),
    ("NOP", None),
    ("WScale", 7),
]
BARE = [("MSS", 1460)]
HOST = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (HOST_TIME, CLIENT_TIME)), ("WScale", 9)]
ROOM = SynProxyCapacities(openings_max=8, held_max=16)


@contextmanager
def proxying(
    harness: Harness,
    capacities: SynProxyCapacities = ROOM,
    secret: bytes = SECRET,
    connections: ConnectionCapacities = SMALL,
) -> Iterator[CookieSecrets]:
    """Track connections, and answer for all hosts."""
    with (
        tracking(harness, connections),
        SynProxyTable(harness.library, capacities, bytes(range(HASH_KEY_BYTES))) as table,
    ):
        harness.lcore.syn_proxy = table.address
        harness.give_outbox()
        secrets = CookieSecrets(harness.node, secret)
        secrets.update(UTC_MS)
        harness.policy.profile(0).syn_proxy = SynProxy.ALWAYS
        yield secrets
        harness.lcore.syn_proxy = harness.lcore.outbox = 0


@dataclass(frozen=True)
class Seen:
    """A TCP frame that left the node, and where."""

    port: Port
    frame: bytes

    @property
    def tcp(self) -> TCP:
        return Ether(self.frame)[TCP]

    @property
    def options(self) -> dict[str, object]:
        return dict(self.tcp.options)

    @property
    def flags(self) -> str:
        return str(self.tcp.flags)

    def back(self) -> Frame:
        """The same frame as it comes in again from where it went."""
        return Frame(self.frame, self.port)


def step(harness: Harness, *frames: Frame) -> list[Seen]:
    """A burst; everything that leaves: the burst's, then own frames, then what was held."""
    seen = []
    for packet in harness.run(frames):
        data = harness.bytes_of(packet)
        if packet.verdict == Verdict.PASS:
            seen.append(Seen(Port(packet.port ^ 1), data))
        elif packet.flags & PacketFlag.ANSWER:
            assert packet.verdict == Verdict.CONSUMED
            seen.append(Seen(Port(packet.port), data))
    own, released = harness.sent()
    seen += [
        Seen(Port(packet.port ^ 1), data)
        for packet, data in (*own, *released)
        if packet.verdict == Verdict.PASS
    ]
    for one in seen:
        assert_checksums(one.frame)
    return seen


def idle(harness: Harness) -> list[Seen]:
    """A turn without a packet."""
    function = harness.library.sb_pipeline_idle
    function.argtypes = [ctypes.c_void_p] * 2
    function(ctypes.addressof(harness.lcore), ctypes.addressof(harness.time))
    return step(harness)


def assert_checksums(frame: bytes) -> None:
    """Those of IPv4 and TCP are what RFC 1071 makes of the same frame.

    By hand: scapy takes a hundred times as long, and floods are long.
    """
    l3 = 14
    while frame[l3 - 2 : l3] in VLAN_ETHERTYPES:
        l3 += 4
    is_ipv4 = frame[l3] >> 4 == 4
    l4 = l3 + (4 * (frame[l3] & 15) if is_ipv4 else IPV6_HEADER)
    protocol = frame[l3 + (9 if is_ipv4 else 6)]
    (size,) = struct.unpack_from("!H", frame, l3 + (2 if is_ipv4 else 4))
    end = size + (l3 if is_ipv4 else l4)
    if protocol != socket.IPPROTO_TCP or (is_ipv4 and is_fragment(frame, l3)):
        return
    addresses = frame[l3 + 12 : l3 + 20] if is_ipv4 else frame[l3 + 8 : l3 + 40]
    pseudo = addresses + struct.pack("!II", end - l4, protocol)
    assert_checksum(pseudo + frame[l4:end], len(pseudo) + 16, frame)
    if is_ipv4:
        assert_checksum(frame[l3:l4], 10, frame)


def is_fragment(frame: bytes, l3: int) -> bool:
    """More fragments follow, or this one is not the first (RFC 791, section 3.1)."""
    return bool(struct.unpack_from("!H", frame, l3 + 6)[0] & 0x3FFF)


def assert_checksum(covered: bytes, at: int, frame: bytes) -> None:
    """The checksum at this offset is the complement of the sum of all other words."""
    others = covered[:at] + bytes(2) + covered[at + 2 :] + bytes(len(covered) % 2)
    total = sum(struct.unpack(f"!{len(others) // 2}H", others))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert struct.unpack_from("!H", covered, at) == (total ^ 0xFFFF,), Ether(frame).show(dump=True)


def segment(
    like: bytes,
    sender: Port,
    flags: str,
    sequence: int,
    acknowledged: int = 0,
    payload: bytes = b"",
    **fields: object,
) -> Frame:
    """A TCP frame with right checksums, between the hosts of a frame from outside."""
    made = Ether(like).copy()
    ip = made[IP] if IP in made else made[IPv6]
    if sender is INSIDE:
        made.src, made.dst = made.dst, made.src
        ip.src, ip.dst = ip.dst, ip.src
    ports = (made[TCP].sport, made[TCP].dport)
    sport, dport = ports if sender is OUTSIDE else ports[::-1]
    tcp = TCP(
        sport=sport,
        dport=dport,
        flags=flags,
        seq=sequence % (1 << 32),
        ack=acknowledged % (1 << 32),
        **({"window": 65535, "options": []} | fields),
    )
    ip.remove_payload()
    for name in ("len", "plen", "chksum"):
        if name in ip.fields:
            delattr(ip, name)
    ip.add_payload(tcp / payload)
    return Frame(bytes(made), sender)


def number(value: int) -> bytes:
    return struct.pack("!I", value % (1 << 32))


# --- conversations ---


@dataclass
class Open:
    """A connection through the proxy: what both sides count from."""

    cookie: int
    time: int = 0
    """What the client has last been told."""


def syn(like: bytes, options: list[object] | None = None) -> Frame:
    return segment(like, OUTSIDE, "S", ISN, options=BARE if options is None else options)


def answered(node: Harness, frame: Frame) -> Seen:
    (answer,) = step(node, frame)
    assert (answer.port, answer.flags) == (OUTSIDE, "SA")
    assert answer.tcp.ack == ISN + 1
    return answer


def learn(node: Harness, like: bytes, options: list[object] | None = None) -> None:
    """A connection from before the proxy was switched on: the host shows what it can."""
    node.policy.profile(0).syn_proxy = SynProxy.OFF
    other = Ether(like)
    other[TCP].sport = 9
    other = bytes(other)
    step(node, segment(other, OUTSIDE, "S", 1, options=FULL))
    step(node, segment(other, INSIDE, "SA", 1, 2, options=HOST if options is None else options))
    step(node, segment(other, OUTSIDE, "R", 2))
    node.policy.profile(0).syn_proxy = SynProxy.ALWAYS


def times(value: int, echo: int) -> list[object]:
    return [("NOP", None), ("NOP", None), ("Timestamp", (value % (1 << 32), echo % (1 << 32)))]


def opened(node: Harness, like: bytes) -> Open:
    """To the end of the handshake with the host, all options agreed on."""
    learn(node, like)
    answer = answered(node, syn(like, FULL))
    cookie, told = answer.tcp.seq, answer.options["Timestamp"][0]
    back = segment(like, OUTSIDE, "A", ISN + 1, cookie + 1, options=times(CLIENT_TIME + 9, told))
    (opening,) = step(node, back)
    assert (opening.port, opening.flags, opening.tcp.seq) == (INSIDE, "S", ISN)
    (last,) = step(node, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=HOST))
    assert (last.port, last.flags) == (INSIDE, "A")
    assert (last.tcp.seq, last.tcp.ack) == (ISN + 1, HOST_ISN + 1)
    assert last.options["Timestamp"] == (CLIENT_TIME + 9, HOST_TIME)
    return Open(cookie, told)


def opening(node: Harness, like: bytes, cookie: int, **fields: object) -> list[Seen]:
    return step(node, segment(like, OUTSIDE, "A", ISN + 1, cookie + 1, **fields))
