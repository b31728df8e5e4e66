"""A node with the SYN proxy on, and what clients and hosts see of it."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane import abi
from dataplane.abi import PacketFlag, Port, SynProxy, Verdict
from dataplane.settings import SynProxyCapacities
from dataplane.syn_proxy_table import CookieSecrets, SynProxyTable
from dataplane.tables import HASH_KEY_BYTES
from tests.native.connections_support import tracking
from tests.native.harness import Frame, Harness

SECRET = b"sixteen or more bytes"
UTC_MS = 1_700_000_000_000
SLOT_MS = 1000 * abi.COOKIE_SLOT_S
ROOM = SynProxyCapacities(openings_max=8, held_max=16)


@contextmanager
def proxying(
    harness: Harness, capacities: SynProxyCapacities = ROOM, secret: bytes = SECRET
) -> Iterator[CookieSecrets]:
    """Track connections, and answer for all hosts."""
    with (
        tracking(harness),
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
    """A burst; everything that leaves, in its order: first the burst's, then the outbox's."""
    seen = []
    for packet in harness.run(frames):
        data = harness.bytes_of(packet)
        if packet.verdict == Verdict.PASS:
            seen.append(Seen(Port(packet.port ^ 1), data))
        elif packet.flags & PacketFlag.ANSWER:
            assert packet.verdict == Verdict.CONSUMED
            seen.append(Seen(Port(packet.port), data))
    seen += [
        Seen(Port(packet.port ^ 1), data)
        for packet, data in harness.sent()
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
    """Those of IPv4 and TCP are what scapy makes of the same frame."""
    parsed = Ether(frame)
    if TCP not in parsed or (IP in parsed and (parsed[IP].flags.MF or parsed[IP].frag)):
        return
    made = parsed.copy()
    del made[TCP].chksum
    if IP in made:
        del made[IP].chksum
    again = Ether(bytes(made))
    assert again[TCP].chksum == parsed[TCP].chksum, parsed.show(dump=True)
    if IP in made:
        assert again[IP].chksum == parsed[IP].chksum


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
    if sender is Port.INSIDE:
        made.src, made.dst = made.dst, made.src
        ip.src, ip.dst = ip.dst, ip.src
    ports = (made[TCP].sport, made[TCP].dport)
    sport, dport = ports if sender is Port.OUTSIDE else ports[::-1]
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
