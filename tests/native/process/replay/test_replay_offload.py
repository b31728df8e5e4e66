"""Replay of what a capture shows because a NIC had not done its part, or has added something."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, Jumbo
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.pcap import Batch
from dataplane.policy import parse_policy
from dataplane.replay.replay import Replay
from dataplane.replay.replay_report import ReplayReport
from tests.native.encapsulated import in_mpls, in_pppoe
from tests.native.process.replay.test_replay import batch_of

INSIDE = [Network.parse("203.0.113.0/24"), Network.parse("2001:db8:1::/48")]
CLIENT, HOST = "198.51.100.7", "203.0.113.10"
CLIENT6, HOST6 = "2001:db8::7", "2001:db8:1::10"
LIMITED = {"type": "rate_limit", "unit": "bits", "value": 8000, "burst": 80_000}
Run = Callable[..., tuple[Batch, list[int], ReplayReport]]


@pytest.fixture
def run(library: ctypes.CDLL) -> Run:
    def replayed(*frames: bytes, lengths: list[int] | None = None, **document: Any) -> Any:
        policy = parse_policy({"name": "x", "syn": "off", **document})
        sizes = lengths or [len(frame) for frame in frames]
        batch = batch_of((n + 1, *each) for n, each in enumerate(zip(frames, sizes, strict=True)))
        with Replay(INSIDE, policy, native=library) as replay:
            verdicts = list(replay.run(batch))
            report = replay.report()
        assert report.balanced
        return batch, verdicts, report

    return replayed


def unsegmented(size: int, vlan: bool = False, **fields: Any) -> bytes:
    """A TCP packet with so many bytes of data and an IPv4 length of 0."""
    link = Ether(type=0x0800) if not vlan else Ether() / Dot1Q(vlan=7, type=0x0800)
    ip = IP(src=HOST, dst=CLIENT, len=0, **fields)
    return bytes(link / ip / TCP(sport=80, dport=4000, flags="PA") / Raw(b"x" * size))


@pytest.mark.parametrize("vlan", [False, True])
def test_a_packet_before_segmentation_is_counted_apart_and_judged(run: Run, vlan: bool) -> None:
    frame = unsegmented(2920, vlan)
    batch, verdicts, report = run(frame)
    assert (verdicts, report.dropped) == ([abi.Verdict.PASS], {})
    assert (report.tso, report.big_tcp, report.cut, report.checksum_unfinished) == (1, 0, 0, 0)
    assert bytes(batch.buffer) == frame  # as it was captured, for what is written
    assert report.ports["inside"].received_bytes == len(frame)


def test_it_meets_the_stages_behind_sanity(run: Run) -> None:
    frame = bytes(
        Ether() / IP(src=CLIENT, dst=HOST, len=0) / UDP(dport=53, len=0) / Raw(b"x" * 2000)
    )
    ports = {"type": "ports", "protocol": "udp", "deny": [53]}
    _, _, report = run(frame, rules=[ports])
    assert (report.tso, report.dropped.keys() & {"ip_length"}) == (1, set())
    assert sum(report.dropped.values()) == 1


@pytest.mark.parametrize(
    "frame",
    [
        unsegmented(6),  # 60 bytes: what follows may be padding
        unsegmented(2000, frag=3),
        bytes(Ether() / IP(src=CLIENT, dst=HOST, len=19) / TCP() / Raw(b"x" * 2000)),
        bytes(Ether() / IP(src=CLIENT, dst=HOST, len=0, proto=47) / Raw(b"x" * 2000)),
    ],
)
def test_other_wrong_lengths_stay_malformed(run: Run, frame: bytes) -> None:
    _, verdicts, report = run(frame)
    assert (verdicts, report.tso) == ([abi.Verdict.DROP], 0)
    assert report.dropped == {"ip_length": 1}


def big(head: bytes, size: int) -> tuple[bytes, int]:
    """A packet of which a capture has the beginning, and its length."""
    return head + b"x" * 200, len(head) + size


def ipv6_head(next_header: int, extension: bytes = b"") -> bytes:
    ip = bytes(IPv6(src=HOST6, dst=CLIENT6, nh=next_header, plen=0))[:40]
    return bytes(Ether(type=0x86DD)) + ip + extension + bytes(TCP(sport=80, dport=4000, flags="PA"))


JUMBO = bytes(IPv6ExtHdrHopByHop(nh=6, options=[Jumbo(jumboplen=180_000)]))[:8]


@pytest.mark.parametrize(
    "head",
    [unsegmented(0), ipv6_head(6), ipv6_head(0, JUMBO)],
    ids=["ipv4", "ipv6", "ipv6-jumbo"],
)
def test_big_tcp_is_counted_apart_and_judged(run: Run, head: bytes) -> None:
    frame, length = big(head, 180_000)
    batch, verdicts, report = run(frame, lengths=[length])
    assert (verdicts, report.dropped) == ([abi.Verdict.PASS], {})
    assert (report.tso, report.big_tcp, report.cut) == (0, 1, 0)
    assert bytes(batch.buffer) == frame


def test_a_jumbogram_of_another_form_stays_malformed(run: Run) -> None:
    odd = struct.pack("!BBBBIBB6s", 6, 1, 0xC2, 4, 180_000, 1, 6, bytes(6))
    frame, length = big(ipv6_head(0, odd), 180_000)
    _, _, report = run(frame, lengths=[length])
    assert (report.big_tcp, report.dropped) == (0, {"ip_length": 1})


def test_unfinished_checksums_are_counted(run: Run) -> None:
    finished = bytes(Ether() / IP(src=CLIENT, dst=HOST) / TCP(dport=80, flags="A"))
    pseudo = struct.pack("!4s4sHH", bytes([198, 51, 100, 7]), bytes([203, 0, 113, 10]), 6, 20)
    total = sum(struct.unpack("!6H", pseudo))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    frame = finished[:50] + struct.pack("!H", total) + finished[52:]
    _, _, report = run(finished, frame)
    assert (report.checksum_unfinished, report.dropped.get("tcp_checksum")) == (1, None)


def test_bytes_behind_a_packet_that_are_no_padding_are_not_counted(run: Run) -> None:
    short = bytes(Ether() / IP(src=CLIENT, dst=HOST) / TCP(dport=80, flags="A"))
    long = bytes(Ether() / IP(src=CLIENT, dst=HOST) / UDP(dport=53) / Raw(b"x" * 100))
    frames = (short, short + bytes(6), short + bytes(10), long, long + bytes(12))
    _, _, report = run(*frames)
    assert report.surplus == 2
    assert report.ports["outside"].received_bytes == 54 + 60 + 60 + 142 + 142


def test_limits_in_bits_do_not_count_them_either(run: Run) -> None:
    """Ten packets of 1,000 bytes fill the bucket of 80,000 bits."""
    frame = bytes(Ether() / IP(src=CLIENT, dst=HOST) / UDP(dport=9) / Raw(b"x" * 958))
    _, _, report = run(*[frame + bytes(500)] * 11, rules=[LIMITED])
    assert (report.surplus, report.dropped) == (11, {"rate_source_bits": 1})


@pytest.mark.parametrize(
    ("mode", "counts"), [("off", (0, 0)), ("auto", (3, 0)), ("always", (0, 3))]
)
def test_syns_that_a_syn_proxy_would_answer_are_counted(
    run: Run, mode: str, counts: tuple[int, int]
) -> None:
    syns = [
        bytes(Ether() / IP(src=CLIENT, dst=HOST) / TCP(sport=port, dport=80, flags="S"))
        for port in (1001, 1002, 1003)
    ]
    other = [
        bytes(Ether() / IP(src=HOST, dst=CLIENT) / TCP(sport=80, dport=1001, flags="SA")),
        bytes(Ether() / IP(src=CLIENT, dst=HOST) / UDP(dport=53) / Raw(b"x" * 20)),
    ]
    _, _, report = run(*syns, *other, syn=mode)
    assert (report.syns_auto, report.syns_always) == counts


@pytest.mark.parametrize("wrapped", [in_mpls, in_pppoe])
@pytest.mark.parametrize("mode", ["auto", "always"])
def test_syns_inside_an_encapsulation_are_not_counted(
    run: Run, wrapped: Callable[[bytes], bytes], mode: str
) -> None:
    syn = bytes(Ether() / IP(src=CLIENT, dst=HOST) / TCP(sport=1001, dport=80, flags="S"))
    _, verdicts, report = run(wrapped(syn), syn=mode)
    assert verdicts == [abi.Verdict.PASS]
    assert (report.syns_auto, report.syns_always) == (0, 0)
