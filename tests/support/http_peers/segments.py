"""TCP without a kernel: many connections at once, from an address that no host has.

A `Script` is the list of a stream's segments in the order of sending. They may overlap, differ in
the overlap, or have an error for which a host ignores them. TCP options: MSS and timestamps.
"""

from __future__ import annotations

import ipaddress
import itertools
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.support.clients.syn_flood import mac
from tests.support.instances.lab import Lab, run
from tests.support.network.namespaces import inside

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_ETH_P_ALL = 0x0003
_TCP = 6
_new_ports = itertools.count(20_000)
"""Each port is used only once per process, because a host may still have an open connection."""
_TIMESTAMP = 1_000_000
_OPEN_S, _QUIET_S = 60.0, 0.3
PATIENT = 60
"""Number of repeats: enough for any pause of the machine. Only segments without an answer are
repeated."""
_TOGETHER = 64
_NUMBERS = 1 << 32
_STREAM_MAX = 1 << 24
"""Bytes; segments beyond this offset are sent to be ignored."""


@dataclass(frozen=True)
class Segment:
    """Bytes of the stream from ``offset`` on, optionally with an error for which hosts ignore the
    segment."""

    offset: int
    data: bytes
    flags: int = PSH | ACK
    checksum_off: int = 0
    """Added to the right checksum."""
    acknowledgment_off: int = 0
    timestamp_off: int = 0
    urgent: int = 0
    ttl: int = 64
    with_options: bool = False
    """Adds options to the IP header, or behind it, for which hosts ignore the packet."""
    fragment_at: int = 0
    """Bytes of TCP in the first of two IP fragments, a multiple of 8; 0: no fragments."""


Script = Sequence[Segment]


@dataclass
class Flow:
    """The client's side of a connection."""

    port: int
    first: int
    """Sequence number of its first byte."""
    script: Script
    received: bytearray = field(default_factory=bytearray)
    acknowledge: int = 0
    """The host's next sequence number; 0: it has not answered yet."""
    window: int = 0
    echo: int = 0
    clock: int = _TIMESTAMP
    is_reset: bool = False
    is_closed: bool = False

    sent: int = 0
    """The end of the stream that was sent so far."""

    @property
    def is_answered(self) -> bool:
        """Whether there is a response, or the connection has ended."""
        return self.is_reset or self.is_closed or bool(self.received)


class Wire:
    """A packet socket of the client, and a neighbour of the origin for its source address."""

    def __init__(self, lab: Lab, source: str, target: str) -> None:
        names = lab.instance.namespaces
        with inside(names.client):
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)
            )
            self._socket.bind(("net0", _ETH_P_ALL))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        own, other = mac(names.client, "net0"), mac(names.origin, "net0")
        command = ("neighbour", "replace", source, "lladdr", own, "dev", "net0")
        done = run("ip", "-n", names.origin, *command, "nud", "permanent")
        assert done.returncode == 0, done.stderr
        self.source = source
        self._from, self._to = (ipaddress.ip_address(a).packed for a in (source, target))
        self._link = bytes.fromhex(other.replace(":", "") + own.replace(":", ""))
        self._again: list[int] = []
        self._used: list[int] = []

    def close(self) -> None:
        """Close the packet socket."""
        self._socket.close()

    def use_ports_again(self) -> None:
        """Use the ports of the connections so far again, in their order."""
        self._again, self._used = self._used, []

    def play(
        self,
        target_port: int,
        scripts: Iterable[Script],
        first: int = 7,
        repeats: int = 0,
        in_syn: bytes = b"",
        is_done: Callable[[Flow], bool] | None = None,
    ) -> list[Flow]:
        """Open a connection for each script, some at a time, and send its segments.

        Waits for an answer or the end of each connection, or for silence. Connections that are
        still open are then reset.

        Args:
            target_port: port of the target.
            scripts: one for each connection.
            first: sequence number of the SYN.
            repeats: number of times that segments without an answer are sent again.
            in_syn: data in the first segment.
            is_done: the condition to wait for, instead of an answer or the end.
        """
        done = is_done or (lambda flow: flow.is_answered)
        self._target_port, self._in_syn = target_port, in_syn
        flows = [Flow(self._port(), (first + 1) % _NUMBERS, script) for script in scripts]
        for begin in range(0, len(flows), _TOGETHER):
            self._play(flows[begin : begin + _TOGETHER], repeats, done)
        return flows

    def _play(self, flows: list[Flow], repeats: int, is_done: Callable[[Flow], bool]) -> None:
        self._open(flows)
        for _ in range(1 + repeats):
            for flow in flows:
                for segment in flow.script if not is_done(flow) else ():
                    self.send(flow, segment)
            self._receive(flows, _QUIET_S, lambda: all(map(is_done, flows)))
            if all(map(is_done, flows)):
                break
        for flow in flows:
            if not flow.is_reset:
                self.send(flow, Segment(flow.sent, b"", RST | ACK))

    def send(self, flow: Flow, segment: Segment) -> None:
        """Send one segment."""
        flow.clock += 1
        end = segment.offset + len(segment.data)
        flow.sent = max(flow.sent, end if end < _STREAM_MAX else 0)
        sequence = (flow.first + segment.offset) % _NUMBERS
        acknowledge = (flow.acknowledge + segment.acknowledgment_off) % _NUMBERS
        stamp = struct.pack("!BBBBII", 1, 1, 8, 10, flow.clock + segment.timestamp_off, flow.echo)
        options = (b"\x02\x04\x05\xb4" if segment.flags & SYN else b"") + stamp
        offset = (20 + len(options)) // 4
        fixed = struct.Struct("!HHIIBBHHH")
        numbers = (
            flow.port,
            self._target_port,
            sequence,
            acknowledge if segment.flags & ACK else 0,
        )
        rest = (offset << 4, segment.flags, 65_535)
        body = options + segment.data
        plain = fixed.pack(*numbers, *rest, 0, segment.urgent) + body
        pseudo = self._from + self._to + struct.pack("!II", len(plain), _TCP)
        checksum = (_checksum(pseudo + plain) + segment.checksum_off) & 0xFFFF
        tcp = fixed.pack(*numbers, *rest, checksum, segment.urgent) + body
        at = segment.fragment_at
        if at == 0:
            self._socket.send(self._link + self._whole(segment, tcp))
            return
        for offset, payload, more in ((0, tcp[:at], 1), (at, tcp[at:], 0)):
            self._socket.send(self._fragment(flow.clock, offset, payload, more))

    def _whole(self, segment: Segment, tcp: bytes) -> bytes:
        if not segment.with_options:
            return self._ip(len(tcp), 0x4000, ttl=segment.ttl) + tcp
        if len(self._from) == 4:
            return self._ip(len(tcp), 0x4000, ttl=segment.ttl, options=b"\x01" * 4) + tcp
        padding = struct.pack("!BBBBI", _TCP, 0, 1, 4, 0)
        return self._ip(8 + len(tcp), 0, following=60, ttl=segment.ttl) + padding + tcp

    def _fragment(self, number: int, offset: int, payload: bytes, more: int) -> bytes:
        if len(self._from) == 4:
            field = offset // 8 | more << 13
            return self._link + self._ip(len(payload), field, number & 0xFFFF) + payload
        extension = struct.pack("!BBHI", _TCP, 0, offset | more, number)
        return self._link + self._ip(8 + len(payload), 0, following=44) + extension + payload

    def _ip(
        self,
        size: int,
        field: int,
        number: int = 0,
        *,
        following: int = _TCP,
        ttl: int = 64,
        options: bytes = b"",
    ) -> bytes:
        """EtherType and IP header; ``field``: flags and offset of IPv4 fragments."""
        if len(self._from) == 16:
            head = struct.pack("!HIHBB", 0x86DD, 6 << 28, size, following, ttl)
            return head + self._from + self._to
        length = 20 + len(options)
        numbers = (0x40 | length // 4, 0, length + size, number, field, ttl, _TCP)
        plain = struct.pack("!BBHHHBBH", *numbers, 0) + self._from + self._to + options
        return b"\x08\x00" + plain[:10] + struct.pack("!H", _checksum(plain)) + plain[12:]

    def _port(self) -> int:
        port = self._again.pop(0) if self._again else next(_new_ports)
        self._used.append(port)
        return port

    def _open(self, flows: list[Flow]) -> None:
        deadline = time.monotonic() + _OPEN_S
        while closed := [flow for flow in flows if flow.window == 0]:
            assert time.monotonic() < deadline, f"{len(closed)} connections do not open"
            for flow in closed:
                if flow.acknowledge == 0:
                    self.send(flow, Segment(-1, self._in_syn, SYN))
            # A proxied connection is open when the host's window has arrived, after the client's
            # acknowledgment.
            self._receive(closed, _QUIET_S, lambda: all(flow.window for flow in flows))
            self._in_syn = b""  # clients without an answer try again without data

    def _receive(self, flows: list[Flow], quiet_s: float, is_enough: Callable[[], bool]) -> None:
        by_port = {flow.port: flow for flow in flows}
        while not is_enough():
            if not select.select([self._socket], [], [], quiet_s)[0]:
                return
            frame, address = self._socket.recvfrom(4096)
            if address[2] != socket.PACKET_OUTGOING:
                self._take(frame, by_port)

    def _take(self, frame: bytes, by_port: dict[int, Flow]) -> None:
        ip = 14 + 40 if len(self._from) == 16 else 14 + (frame[14] & 15) * 4
        if len(frame) < ip + 20 or frame[23 if ip < 54 else 20] != _TCP:
            return
        source_port, port, sequence, _, offset, flags, window = struct.unpack_from(
            "!HHIIBBH", frame, ip
        )
        flow = by_port.get(port)
        if flow is None or source_port != self._target_port:
            return
        total = struct.unpack_from("!H", frame, 16)[0] + 14
        if ip >= 54:
            total = struct.unpack_from("!H", frame, 18)[0] + 54
        data = frame[ip + (offset >> 4) * 4 : total]
        stamp = _stamp(frame[ip + 20 : ip + (offset >> 4) * 4])
        self._note(flow, (sequence, flags, window), data, stamp)

    def _note(self, flow: Flow, header: tuple[int, int, int], data: bytes, stamp: int) -> None:
        sequence, flags, window = header
        if flags & RST:
            flow.is_reset |= sequence == flow.acknowledge
            return
        if flow.acknowledge == 0 and not flags & SYN:
            return  # for an earlier connection with this port
        flow.echo = stamp or flow.echo
        flow.window = window
        if flags & SYN:
            flow.acknowledge = (sequence + 1) % _NUMBERS
        elif sequence != flow.acknowledge:
            return  # repeated, or behind a lost one: the host sends it again
        flow.received += data
        flow.is_closed |= bool(flags & FIN)
        flow.acknowledge = (flow.acknowledge + len(data) + bool(flags & FIN)) % _NUMBERS
        if data or flags & (SYN | FIN):
            self.send(flow, Segment(flow.sent, b"", ACK))


def _stamp(options: bytes) -> int:
    """The value of a timestamp option; 0: there is none."""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if options[at] == 8:
            return int.from_bytes(options[at + 2 : at + 6], "big")
        at += max(options[at + 1], 2)
    return 0


def _checksum(data: bytes) -> int:
    """The checksum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
