"""A node that inspects HTTP, and clients and hosts that talk through it."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from dataplane.base.networks import Network
from dataplane.base.settings import ConnectionCapacities, HttpCapacities
from dataplane.native import abi
from dataplane.native.abi import (
    DEADLINE_NEVER,
    ListKind,
    Mode,
    Port,
    Reason,
    Use,
    Verdict,
    WafClass,
)
from dataplane.tables.http_table import HttpTable
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native.connections.connections_support import (
    ACK,
    CLIENT,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SMALL,
    SYN,
    Pair,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import assert_checksums
from tests.native.harness import Frame, Harness
from tests.native.stages.http.rules_support import Rules

MODULUS = 1 << 32
BAD = b"attack"
"""What the rule of these tests matches."""
ISN, HOST_ISN = 0xFFFF_FF00, 5000
ROOM = HttpCapacities(pool_mib=2)


@dataclass(frozen=True)
class Seen:
    """A TCP segment that left the node."""

    port: Port
    frame: bytes
    sequence: int
    acknowledgment: int
    flags: int
    payload: bytes
    times: tuple[int, int] | None

    def __repr__(self) -> str:
        where = "to client" if self.port is OUTSIDE else "to host"
        return f"<{where} {self.flags:#x} {self.sequence} {self.acknowledgment} {self.payload!r}>"


def seen(port: Port, frame: bytes) -> Seen:
    """What a frame says."""
    l3 = 14
    while frame[l3 - 2 : l3] in {b"\x81\x00", b"\x88\xa8"}:
        l3 += 4
    is_ipv4 = frame[l3] >> 4 == 4
    l4 = l3 + (4 * (frame[l3] & 15) if is_ipv4 else 40)
    (size,) = struct.unpack_from("!H", frame, l3 + (2 if is_ipv4 else 4))
    end = size + (l3 if is_ipv4 else l4)
    sequence, acknowledgment, words, flags = struct.unpack_from("!IIBB", frame, l4 + 4)
    start = l4 + 4 * (words >> 4)
    times = _times(frame[l4 + 20 : start])
    assert_checksums(frame)
    return Seen(port, frame, sequence, acknowledgment, flags, frame[start:end], times)


def _times(options: bytes) -> tuple[int, int] | None:
    at = 0
    while at < len(options) and options[at]:
        if options[at] == 8:
            value, echo = struct.unpack_from("!II", options, at + 2)
            return value, echo
        at += 1 if options[at] == 1 else options[at + 1]
    return None


@contextmanager
def inspecting(
    harness: Harness,
    capacities: HttpCapacities = ROOM,
    rules: Sequence[bytes] = (BAD,),
    connections: ConnectionCapacities = SMALL,
    fill: Callable[[abi.Profile], None] | None = None,
    mode: Mode = Mode.ENFORCE,
) -> Iterator[HttpTable]:
    """Inspect port 80 of the default profile; a rule blocks each of these patterns."""
    with ExitStack() as opened:
        table = opened.enter_context(tracking(harness, connections, mode))
        stats = ctypes.addressof(harness.stats)
        http = HttpTable(harness.library, capacities, table, bytes(range(16)), stats)
        opened.enter_context(http)
        harness.lcore.http = http.address
        opened.enter_context(Rules(harness, rules))
        inspect(harness, fill)
        harness.give_outbox()
        yield http
        harness.lcore.http = harness.lcore.outbox = 0


@contextmanager
def allowing(harness: Harness, client: IPv4Address | IPv6Address = CLIENT) -> Iterator[None]:
    """A client is on the allowlist."""
    with Lists(harness.library, 8, 8, 1, bytes(16)) as lists:
        records = pack([(*Network.parse(str(client)), ListKind.ALLOWLIST, DEADLINE_NEVER)])
        assert lists.put(records) == 0
        assert lists.commit()
        harness.node.lists = lists.address
        yield
        harness.node.lists = 0


def inspect(
    harness: Harness,
    fill: Callable[[abi.Profile], None] | None = None,
    ports: Sequence[int] = (80,),
) -> None:
    """Another policy is in force, that inspects these ports: with the modes of the one before."""
    modes = bytes(harness.policy.profile(0).mode)

    def make(policy: PolicyTable) -> None:
        profile = policy.profile(0)
        profile.mode[:] = list(modes)
        if ports:
            profile.uses |= Use.HTTP
        for index, port in enumerate(ports):
            profile.http.port[index] = port
        profile.http.port_count = len(ports)
        profile.http.body_limit = 65536
        if fill is not None:
            fill(profile)

    harness.use_policy(make)


@dataclass
class Talk:
    """A client's connection through the node; both sides' next numbers, as the client counts."""

    harness: Harness
    pair: Pair = field(default_factory=Pair)
    client: int = ISN
    host: int = HOST_ISN
    options: bytes = b""
    """Of every segment: a multiple of 4 bytes."""

    def open(self) -> Talk:
        """The handshake."""
        self.client, self.host = (ISN + 1) % MODULUS, HOST_ISN + 1
        syn = self.pair.tcp(OUTSIDE, SYN, ISN, options=self.options)
        answer = self.pair.tcp(INSIDE, SYN | ACK, HOST_ISN, self.client, options=self.options)
        for frame in (syn, answer, self.segment(OUTSIDE, ACK)):
            assert len(self.step(frame)) == 1
        return self

    def segment(
        self,
        sender: Port,
        flags: int,
        payload: bytes = b"",
        *,
        offset: int = 0,
        acknowledged: int | None = None,
        is_right: bool = True,
    ) -> Frame:
        """Of the next number, and ``offset``; acknowledges what the other has sent."""
        mine, theirs = (self.client, self.host)[:: 1 if sender is OUTSIDE else -1]
        return self.pair.tcp(
            *(sender, flags, (mine + offset) % MODULUS),
            theirs if acknowledged is None else acknowledged % MODULUS,
            payload=payload,
            options=self.options,
            is_right=is_right,
        )

    def say(self, payload: bytes, flags: int = 0) -> list[Seen]:
        """The client sends the next bytes."""
        frame = self.segment(OUTSIDE, ACK | PSH | flags, payload)
        self.client = (self.client + len(payload) + (flags & FIN)) % MODULUS
        return self.step(frame)

    def at(self, offset: int, payload: bytes, flags: int = 0) -> list[Seen]:
        """The client sends bytes that are not the next ones."""
        return self.step(self.segment(OUTSIDE, ACK | PSH | flags, payload, offset=offset))

    def reply(self, payload: bytes, flags: int = 0) -> list[Seen]:
        """The host acknowledges all, and sends the next bytes."""
        frame = self.segment(INSIDE, ACK | PSH | flags, payload)
        self.host = (self.host + len(payload) + (flags & FIN)) % MODULUS
        return self.step(frame)

    def ack(self, sender: Port = INSIDE) -> list[Seen]:
        """One side acknowledges all."""
        return self.step(self.segment(sender, ACK))

    def exchange(self, request: bytes, response: bytes) -> None:
        """Both pass, and both are acknowledged."""
        assert [one.payload for one in self.say(request)] == [request]
        assert [one.payload for one in self.reply(response)] == [response]
        assert len(self.ack(OUTSIDE)) == 1

    def step(self, *frames: Frame) -> list[Seen]:
        """A burst; everything that leaves: the burst's, own frames, what was held."""
        return step(self.harness, *frames)


def step(harness: Harness, *frames: Frame) -> list[Seen]:
    """A burst; everything that leaves: the burst's, own frames, what was held."""
    out = [
        seen(Port(packet.port ^ 1), harness.bytes_of(packet))
        for packet in harness.run(frames)
        if packet.verdict == Verdict.PASS
    ]
    own, released = harness.sent()
    out += [
        seen(Port(packet.port ^ 1), data)
        for packet, data in (*own, *released)
        if packet.verdict == Verdict.PASS
    ]
    return out


def forget(harness: Harness, turns: int = 300) -> None:
    """Long afterwards: every connection is over and swept."""
    for _ in range(turns):
        harness.time.boot_ds += 1000
        step(harness)


def dropped(harness: Harness, reason: Reason) -> int:
    """How many packets from outside were dropped for a reason."""
    return int(harness.stats.port[OUTSIDE].dropped[reason])


def monitored(harness: Harness, reason: Reason) -> int:
    """How many would have been."""
    return int(harness.stats.profile[0].count[reason][Mode.MONITOR])


def get(target: bytes = b"/", *lines: bytes) -> bytes:
    """A request."""
    head = [b"GET " + target + b" HTTP/1.1", b"Host: a.example", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def post(body: bytes, target: bytes = b"/", *lines: bytes) -> bytes:
    """A request with a body."""
    head = [b"POST " + target + b" HTTP/1.1", b"Host: a.example", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def ok(body: bytes = b"fine") -> bytes:
    """A response."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


__all__ = ["ACK", "FIN", "INSIDE", "OUTSIDE", "PSH", "RST", "SYN", "WafClass"]
