"""A client and a server for tests of connections: what they send, and a node that tracks it."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dataplane.base.settings import ConnectionCapacities
from dataplane.native.abi import Mode, Port, Reason, Verdict
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable
from tests.native.frames import with_right_checksum, with_tcp_checksum
from tests.native.harness import Frame, Harness

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OUTSIDE, INSIDE = Port.OUTSIDE, Port.INSIDE
REASONS = (Reason.OUT_OF_STATE, Reason.OUT_OF_WINDOW, Reason.CONNECTIONS_FULL)
STATE, WINDOW = [Reason.OUT_OF_STATE], [Reason.OUT_OF_WINDOW]
SMALL = ConnectionCapacities(connections_max=1024)
Address = IPv4Address | IPv6Address
CLIENT, SERVER = IPv4Address("203.0.113.7"), IPv4Address("198.51.100.10")


@contextmanager
def tracking(
    harness: Harness, capacities: ConnectionCapacities = SMALL, mode: Mode = Mode.ENFORCE
) -> Iterator[ConnectionTable]:
    """Give a harness's lcore room for connections; the reasons about them have that mode."""
    for reason in REASONS:
        harness.set_mode(reason, mode)
    key, stats = bytes(range(FLOW_KEY_BYTES)), ctypes.addressof(harness.stats)
    with ConnectionTable(harness.library, capacities, key, stats) as table:
        harness.lcore.flows = table.address
        yield table
        harness.lcore.flows = 0


@dataclass
class Pair:
    """A client, a server, their ports; makes frames from either side."""

    client: Address = CLIENT
    server: Address = SERVER
    client_port: int = 40000
    server_port: int = 80
    link: bytes = bytes(12)
    """All of the Ethernet header but the EtherType: VLAN tags too."""

    def tcp(
        self,
        sender: Port,
        flags: int,
        sequence: int,
        acknowledged: int = 0,
        *,
        size: int = 0,
        payload: bytes = b"",
        window: int = 65535,
        options: bytes = b"",
        is_right: bool = True,
    ) -> Frame:
        """A segment with this payload or ``size`` bytes; not ``is_right``: a wrong checksum."""
        words = (20 + len(options)) // 4
        fields = struct.pack("!IIBBHHH", sequence, acknowledged, words << 4, flags, window, 0, 0)
        segment = self._ports(sender) + fields + options + (payload or bytes(size))
        segment = with_tcp_checksum(segment, self.client.packed, self.server.packed)
        if not is_right:
            segment = segment[:16] + bytes([segment[16] ^ 0x55]) + segment[17:]
        return self.ip(sender, 6, segment)

    def udp(self, sender: Port, size: int = 0) -> Frame:
        """A datagram."""
        return self.ip(
            sender, 17, self._ports(sender) + struct.pack("!HH", 8 + size, 0) + bytes(size)
        )

    def echo(self, sender: Port, *, reply: bool, identifier: int = 7) -> Frame:
        """An echo request or reply."""
        is_ipv4 = isinstance(self.client, IPv4Address)
        kind = (0 if reply else 8) if is_ipv4 else (129 if reply else 128)
        message = struct.pack("!BBHHH", kind, 0, 0, identifier, 1)
        return self.ip(sender, 1 if is_ipv4 else 58, message)

    def ip(self, sender: Port, protocol: int, payload: bytes, fragment: int = 0) -> Frame:
        """A packet; ``fragment``: IPv4's flags and offset."""
        pair = (self.client, self.server)
        source, target = pair if sender is OUTSIDE else pair[::-1]
        if isinstance(source, IPv4Address):
            fields = 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol, 0
            header = struct.pack("!BBHHHBBH", *fields) + source.packed + target.packed
            kind, header = b"\x08\x00", with_right_checksum(header, 0)
        else:
            header = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
            kind, header = b"\x86\xdd", header + source.packed + target.packed
        return Frame(self.link + kind + header + payload, sender)

    def handshake(self, opener: Port = OUTSIDE, options: bytes = b"") -> list[Frame]:
        """SYN, SYN-ACK, ACK: the opener's first byte is 1001, the other's 5001."""
        other = INSIDE if opener is OUTSIDE else OUTSIDE
        return [
            self.tcp(opener, SYN, 1000, options=options),
            self.tcp(other, SYN | ACK, 5000, 1001, options=options),
            self.tcp(opener, ACK, 1001, 5001),
        ]

    def _ports(self, sender: Port) -> bytes:
        ports = (self.client_port, self.server_port)
        return struct.pack("!HH", *(ports if sender is OUTSIDE else ports[::-1]))


def fate(harness: Harness, *sent: Frame) -> list[Reason]:
    """Each in a burst of its own: why it was dropped; NONE: it was not."""
    found = []
    for frame in sent:
        packet = harness.run_one(frame)
        dropped = packet.verdict == Verdict.DROP
        found.append(Reason(packet.reason) if dropped else Reason.NONE)
    return found


def passes(harness: Harness, *sent: Frame) -> bool:
    """Whether all of them get through."""
    return set(fate(harness, *sent)) == {Reason.NONE}


def established(harness: Harness, pair: Pair, options: bytes = b"") -> None:
    """Open a connection; all three segments get through."""
    assert passes(harness, *pair.handshake(options=options))


PAIRS = {
    "ipv4": Pair(),
    "ipv6": Pair(IPv6Address("2001:db8::7"), IPv6Address("2001:db8:5::10")),
    "vlan": Pair(link=bytes(12) + bytes.fromhex("81000007")),
    "qinq": Pair(link=bytes(12) + bytes.fromhex("88a8000281000007")),
}
"""Of each kind of address, and behind tags."""
