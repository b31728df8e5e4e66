"""Whole conversations for the differential test: TCP, UDP and echo between a few hosts.

Each goes its usual way most of the time; now and then a segment is repeated, lies about a number,
comes from the wrong side, or a time passes in which connections are forgotten.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from dataplane.model.packet import Packet
from dataplane.model.stages.connections.syn_cookie import MSS_DEFAULT, cookie, mss_index
from dataplane.model.stages.parse.parse import parse
from dataplane.model.state import Lcore, Node, Time
from dataplane.native.abi import BURST_MAX, Mode, Neighbor, Port, Reason, Scope, SynProxy, Unit
from tests.native import frames
from tests.native.harness import Frame
from tests.native.model.model_case import COOKIE_KEYS, Case
from tests.native.model.model_frames import happens
from tests.native.model.model_policy import RATES, Neighbors, Rules, connection_limits

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
HANDSHAKE = (SYN, SYN | ACK, ACK)
MODULUS = 1 << 32
SERVERS = (IPv4Address("198.51.100.10"), IPv6Address("2001:db8:5::10"))
GROUPS = (IPv4Address("239.1.1.1"), IPv6Address("ff0e::101"))
"""Whom a SYN is to now and then."""
CLIENTS = (
    *(IPv4Address("203.0.113.7"), IPv4Address("203.0.113.8")),
    *(IPv6Address("2001:db8::7"), IPv6Address("2001:db8::8"), IPv6Address("2001:db8:0:1::7")),
)
OFF_BY = (
    *(0, 0, 0, -1, 1, 2, 5, -1000, 64240, 65535, 66001, -66001, -132001, -200000),
    *(1 << 24, 1 << 31),
)
LATER_NS = (0, 10**6, 10**8, 10**9, 11 * 10**9, 25 * 10**9, 40 * 10**9, 250 * 10**9)
OPTIONS = (
    b"",
    *(b"\1\3\3\7", b"\1\3\3\0", b"\1\3\3\17", b"\3\3\377\0", b"\2\4\5\264\1\3\3\10"),
    *(b"\2\4\5\264\4\2\10\12" + bytes(8) + b"\1\3\3\2", b"\0\3\3\7", b"\3\2\1\1", b"\3\0\1\1"),
    *(b"\2\100\1\1", b"\1\1\1\3"),
)
PROXY_OPTIONS = (
    b"",
    *(b"\2\4\5\264", b"\2\4\2\0", b"\2\4\5\24\1\3\3\7", b"\2\4\5\264\1\1\4\2"),
    *(b"\2\4\5\264\4\2\10\12" + bytes(8) + b"\1\3\3\2", b"\2\4\43\0\1\1\10\12" + bytes(8)),
    *(b"\2\4\5\264\23\22" + bytes(16) + b"\1\1", b"\2\4\5\264\35\4\0\0"),
)
"""The MSS comes first."""
EDGES = struct.pack("!II", 7, 9)
LATER_OPTIONS = (
    *(b"", b"", b"\1\1\10\12\0\0\1\2\0\0\3\377", b"\1\1\10\12\0\0\1\2\377\377\377\377"),
    *(b"\1\1\5\12" + EDGES, b"\1\5\22" + 2 * EDGES + b"\0", b"\5\12" + EDGES + b"\1\1"),
    *(b"\1\10\12\0\0\1\2\0\0\2\107\5\12" + EDGES + b"\0", b"\5\11" + EDGES[:7] + b"\0\0\0"),
)
CONNECTION_REASONS = (
    *(Reason.OUT_OF_STATE, Reason.OUT_OF_WINDOW),
    *(Reason.CONNECTIONS_FULL, Reason.CONNECTIONS_SOURCE),
    *(RATES[scope, Unit.CONNECTIONS] for scope in Scope),
)


@dataclass
class Talk:
    """One conversation; ``next`` is what each side sends next."""

    client: IPv4Address | IPv6Address
    server: IPv4Address | IPv6Address
    ports: tuple[int, int]
    opener: Port
    next: dict[Port, int]
    ip: dict[Port, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(Port, (64, 0)))
    """TTL and traffic class of what each side sends."""
    vlan: int = 0
    phase: int = 0
    finished: set[Port] = field(default_factory=set)
    cookie_slot: int = 0
    """Of a node with the SYN proxy; 0: it has none."""
    isn: int = 0
    delta: int = 0
    """What the client sees of the server's numbers, less what the server sends."""

    def step(self, rng: random.Random) -> Frame:
        """What comes next, or something that should not."""
        if happens(rng, 0.15):
            return self._anything(rng)
        opener, other = self.opener, _other(self.opener)
        self.phase += 1
        if self.cookie_slot and self.phase <= len(HANDSHAKE):
            return self._handshake(rng)
        if self.phase <= len(HANDSHAKE):
            flags = SYN if self.phase == 2 and happens(rng, 0.05) else HANDSHAKE[self.phase - 1]
            return self._send(rng, other if self.phase == 2 else opener, flags)
        sender = rng.choice(list(Port))
        if happens(rng, 0.05):  # passes another way, and the node does not see it
            self._send(rng, sender, ACK | PSH, rng.choice((1, 100, 1400)))
        if happens(rng, 0.15) and sender not in self.finished:
            self.finished.add(sender)
            return self._send(rng, sender, FIN | ACK)
        if happens(rng, 0.07) or (len(self.finished) > 1 and happens(rng, 0.4)):
            self._begin_anew(rng)
            return self._send(rng, sender, RST | ACK) if happens(rng, 0.5) else self.step(rng)
        return self._send(rng, sender, ACK | PSH, rng.choice((0, 1, 100, 1400)))

    def _handshake(self, rng: random.Random) -> Frame:
        """With the proxy: a SYN, its cookie brought back, and then the server's SYN-ACK."""
        if self.phase == 1:
            options = rng.choice(PROXY_OPTIONS)
            self.isn = self.next[Port.OUTSIDE]
            self.next[Port.OUTSIDE] = (self.isn + 1) % MODULUS
            value = self._cookie(int.from_bytes(options[2:4], "big") if options else MSS_DEFAULT)
            self.delta = (value - self.next[Port.INSIDE]) % MODULUS
            return self._frame(rng, Port.OUTSIDE, SYN, self.isn, 0, options=options)
        if self.phase == len(HANDSHAKE) - 1:
            size, at = rng.choice((0, 0, 1, 100)), self.next[Port.OUTSIDE]
            self.next[Port.OUTSIDE] = (at + size) % MODULUS
            told = self.next[Port.INSIDE] + 1
            self.phase -= happens(rng, 0.3)
            return self._frame(rng, Port.OUTSIDE, ACK, at, told, size)
        at = self.next[Port.INSIDE]
        if happens(rng, 0.15):
            return self._frame(rng, Port.INSIDE, RST | ACK, 0, self.isn + 1)
        self.next[Port.INSIDE] = (at + 1) % MODULUS
        return self._frame(rng, Port.INSIDE, SYN | ACK, at, self.isn + 1)

    def _cookie(self, mss: int) -> int:
        """What the node will answer the SYN with."""
        tcp = struct.pack("!HHIIBBHHH", *self.ports, self.isn, 0, 5 << 4, SYN, 0, 0, 0)
        frame = self.packet(Port.OUTSIDE, 6, tcp)
        node, packet = (
            Node(cookie_keys=COOKIE_KEYS),
            Packet(frame.data, len(frame.data), frame.port),
        )
        parse(Lcore(node), packet, Time(0))
        return cookie(node, packet, self.isn, self.cookie_slot, mss_index(mss))

    def _begin_anew(self, rng: random.Random) -> None:
        self.phase = 0
        self.finished.clear()
        if happens(rng, 0.5):
            self.next = {port: rng.getrandbits(32) for port in Port}

    def _send(self, rng: random.Random, sender: Port, flags: int, size: int = 0) -> Frame:
        sequence, acknowledged = self.next[sender], self.next[_other(sender)]
        if not happens(rng, 0.1):  # else it is lost, and comes again
            taken = size + bool(flags & SYN) + bool(flags & FIN)
            self.next[sender] = (sequence + taken) % (1 << 32)
        return self._frame(rng, sender, flags, sequence, acknowledged if flags & ACK else 0, size)

    def _anything(self, rng: random.Random) -> Frame:
        sender = rng.choice(list(Port))
        flags = rng.choice((SYN, ACK, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK, ACK | PSH))
        sequence = self.next[sender] + rng.choice(OFF_BY)
        acknowledged = self.next[_other(sender)] + rng.choice(OFF_BY)
        return self._frame(rng, sender, flags, sequence, acknowledged, rng.choice((0, 0, 1, 1400)))

    def _frame(  # noqa: PLR0917
        self,
        rng: random.Random,
        sender: Port,
        flags: int,
        sequence: int,
        ack: int,
        size: int = 0,
        options: bytes | None = None,
    ) -> Frame:
        if options is None:
            options = rng.choice(OPTIONS if flags & SYN else LATER_OPTIONS)
        ports = self.ports if sender is Port.OUTSIDE else self.ports[::-1]
        window = rng.choice((0, 1, 1024, 29200, 65535))
        if sender is Port.OUTSIDE:
            ack += self.delta
        numbers = sequence % MODULUS, ack % MODULUS
        tcp = struct.pack("!HHII", *ports, *numbers) + struct.pack(
            "!BBHHH", (20 + len(options)) // 4 << 4, flags, window, 0, 0
        )
        segment = tcp + options + bytes(size)
        pair = (self.client, self.server)
        if not happens(rng, 0.1):
            segment = frames.with_tcp_checksum(segment, *(one.packed for one in pair))
        return self.packet(sender, 6, segment, more=happens(rng, 0.02))

    def packet(self, sender: Port, protocol: int, payload: bytes, *, more: bool = False) -> Frame:
        """An IP packet of the conversation; ``more``: as a first fragment."""
        pair = (self.client, self.server)
        source, target = pair if sender is Port.OUTSIDE else pair[::-1]
        ttl, tos = self.ip[sender]
        if source.version == 4:
            fields = 0x45, tos, 20 + len(payload), 0, 0x2000 if more else 0, ttl, protocol, 0
            header = struct.pack("!BBHHHBBH", *fields) + source.packed + target.packed
            ip = frames.with_right_checksum(header, 0)
        else:
            following, extra = protocol, b""
            if more:
                following, extra = 44, struct.pack("!BBHI", protocol, 0, 1, 7)
            size = len(extra) + len(payload)
            ip = struct.pack("!IHBB", 6 << 28 | tos << 20, size, following, ttl)
            ip += source.packed + target.packed + extra
        tag = struct.pack("!HH", 0x8100, self.vlan) if self.vlan else b""
        kind = 0x0800 if source.version == 4 else 0x86DD
        return Frame(bytes(12) + tag + kind.to_bytes(2, "big") + ip + payload, sender)

    def error(self, rng: random.Random) -> Frame:
        """An ICMP error about a segment of the other side; sometimes its quote ends early."""
        sender = rng.choice(list(Port))
        other = _other(sender)
        ports = self.ports if other is Port.OUTSIDE else self.ports[::-1]
        off = -rng.choice((1, 1, 100, 0, 70_000)) + (self.delta if other is Port.INSIDE else 0)
        numbers = (self.next[other] + off) % MODULUS, self.next[sender]
        tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, ACK, 1, 0, 0)
        quoted = self.packet(other, 6, tcp, more=happens(rng, 0.1)).data
        quoted = quoted[len(quoted) - len(tcp) - (20 if self.client.version == 4 else 40) :]
        quoted = quoted[: len(quoted) - rng.choice((0, 0, 0, 8, 9, 12, 13, 21))]
        is_ipv4 = self.client.version == 4
        kind = rng.choice((3, 11, 13)) if is_ipv4 else rng.choice((2, 1, 130))
        message = struct.pack("!BBHI", kind, 4, rng.getrandbits(16), 1400) + quoted
        return self.packet(sender, 1 if is_ipv4 else 58, message)

    def pair(self, rng: random.Random) -> Frame:
        """A datagram, an echo or an error of the same hosts."""
        if happens(rng, 0.4):
            return self.error(rng)
        sender = rng.choice(list(Port))
        if happens(rng, 0.5):
            ports = self.ports if sender is Port.OUTSIDE else self.ports[::-1]
            return self.packet(sender, 17, struct.pack("!HHHH", *ports, 8, 0))
        is_ipv4 = self.client.version == 4
        kind = rng.choice((8, 0, 8, 0, 13) if is_ipv4 else (128, 129, 128, 129, 140))
        echo = struct.pack("!BBHHH", kind, 0, 0, self.ports[0], 1)
        return self.packet(sender, 1 if is_ipv4 else 58, echo)


def _other(port: Port) -> Port:
    return Port.INSIDE if port is Port.OUTSIDE else Port.OUTSIDE


def conversation_case(rng: random.Random, bursts: int, slot: int | None = None) -> Case:
    """A node whose connection reasons mostly enforce, and a few conversations side by side."""
    slot = rng.choice((0, 1, 2, 63, 64, 127, 128)) if slot is None else slot
    talks = [_talk(rng, slot) for _ in range(rng.randrange(1, 6))]
    sizes = [rng.randrange(1, BURST_MAX + 1) for _ in range(bursts)]
    modes = {reason: rng.choice((Mode.MONITOR, Mode.OFF)) for reason in CONNECTION_REASONS}
    kept = rng.choice((0, 0, 1, 4, len(modes)))
    return Case(
        bursts=tuple(tuple(_step(rng, talks) for _ in range(size)) for size in sizes),
        modes=dict(rng.sample(sorted(modes.items()), kept)),
        policy=(
            Rules(
                connections_max=rng.choice((0, 0, 1, 2)),
                limits=connection_limits(rng),
                syn_proxy=rng.choice(tuple(SynProxy)) if slot else SynProxy.OFF,
                syn_rate=rng.choice((1, 3, 10, 1000)),
            ),
        ),
        neighbors=_neighbors(rng),
        cookie_slot=slot,
        later_ns=tuple(rng.choice(LATER_NS) for _ in range(5)),
        learning_ds=rng.choice((0, 0, 20)),
    )


def _neighbors(rng: random.Random) -> Neighbors:
    """Some of the clients; often none."""
    if not happens(rng, 0.4):
        return ()
    mapped = [int(IPv6Address(f"::ffff:{one}" if one.version == 4 else one)) for one in CLIENTS]
    return tuple((one, 128, frozenset({Neighbor.BGP})) for one in mapped if happens(rng, 0.5))


def _step(rng: random.Random, talks: list[Talk]) -> Frame:
    talk = rng.choice(talks)
    return talk.pair(rng) if happens(rng, 0.1) else talk.step(rng)


def _talk(rng: random.Random, slot: int) -> Talk:
    client, opener = rng.choice(CLIENTS), Port.INSIDE if happens(rng, 0.25) else Port.OUTSIDE
    return Talk(
        client=client,
        server=(GROUPS if happens(rng, 0.03) else SERVERS)[client.version == 6],
        ports=(rng.choice((40000, 40001, 40002)), rng.choice((80, 443, 179))),
        opener=opener,
        cookie_slot=slot if opener is Port.OUTSIDE and happens(rng, 0.85) else 0,
        next={port: rng.choice((0, (1 << 32) - 5, rng.getrandbits(32))) for port in Port},
        ip={port: (rng.choice((64, 255, 3)), rng.choice((0, 0, 0xC3))) for port in Port},
        vlan=rng.choice((0, 0, 0, 7)),
        phase=3 if happens(rng, 0.15) else 0,
    )
