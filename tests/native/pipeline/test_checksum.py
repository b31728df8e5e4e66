"""TCP checksums: a segment that no host reads ends and begins nothing (RFC 9293, section 3.1)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from scapy.layers.inet import TCP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import PacketFlag, Port, Reason, Verdict
from dataplane.pcap import Batch
from dataplane.replay.replay import Replay
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import (
    FRAMES,
    ISN,
    answered,
    opening,
    proxying,
    segment,
    step,
    syn,
)
from tests.native.frames import LINKS, TIMESTAMP, ip4, ip6, link, tcp
from tests.native.harness import Frame, Harness
from tests.native.process.replay.test_replay import batch_of

PAIRS = {
    "ipv4": Pair(),
    "ipv6": Pair(IPv6Address("2001:db8::7"), IPv6Address("2001:db8:5::10")),
    "vlan": Pair(link=bytes(12) + bytes.fromhex("81000007")),
}
LONGER_THAN_ENDED_DS = 600
"""A connection that was reset or closed is forgotten by then, one in full flow is not."""

LEARNING_IS_OVER_NS = 400 * 10**9
"""Of a replay with the standard settings."""


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    with tracking(harness):
        yield harness


# --- the sum --------------------------------------------------------------------------------------

SEGMENTS: dict[str, Callable[[], object]] = {
    **{f"ipv4-{n}": lambda n=n: ip4() / tcp("R") / Raw(b"\xa5" * n) for n in (0, 1, 2, 3, 1400)},
    **{f"ipv6-{n}": lambda n=n: ip6() / tcp("R") / Raw(b"\xa5" * n) for n in (0, 1, 2, 3, 1400)},
    "ipv4-options": lambda: ip4(options=[TIMESTAMP]) / tcp("R", options=[("NOP", None)] * 4),
    "ipv6-extension": lambda: ip6() / IPv6ExtHdrDestOpt() / tcp("R") / Raw(b"odd"),
}


def is_right(harness: Harness, frame: Frame) -> bool:
    packet = harness.run_one(frame)
    judge = harness.library.sb_tcp_checksum_is_right
    judge.argtypes, judge.restype = [ctypes.c_void_p], ctypes.c_bool
    return judge(ctypes.addressof(packet))


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("name", SEGMENTS)
def test_the_sum_is_that_of_scapy_whatever_lies_before_and_behind(
    harness: Harness, name: str, kind: str
) -> None:
    data = bytes(link(kind) / SEGMENTS[name]())
    assert is_right(harness, Frame(data))
    assert is_right(harness, Frame(data + b"\xff" * 7))  # padding of the frame


@pytest.mark.parametrize("name", ["ipv4-3", "ipv6-3", "ipv6-extension"])
def test_one_wrong_bit_anywhere_in_the_segment_is_seen(harness: Harness, name: str) -> None:
    data = bytes(link("untagged") / SEGMENTS[name]())
    start = len(data) - len(bytes(Ether(data)[TCP]))
    for at in (*range(start, start + 12), *range(start + 14, len(data))):  # the header stays one
        wrong = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        assert not is_right(harness, Frame(wrong)), at


def test_whoever_received_it_may_vouch_for_it(harness: Harness) -> None:
    wrong = Pair().tcp(OUTSIDE, RST, 1, is_right=False)
    assert not is_right(harness, wrong)
    assert is_right(harness, replace(wrong, flags=PacketFlag.L4_GOOD))


def test_what_is_not_all_there_is_not_right(harness: Harness) -> None:
    whole = Pair().tcp(OUTSIDE, FIN | ACK, 1, 1, size=100)
    assert not is_right(harness, replace(whole, data=whole.data[:-1], length=len(whole.data)))
    part = Pair().ip(OUTSIDE, 6, whole.data[34:], fragment=0x2000)
    assert not is_right(harness, part)


# --- what ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", list(Port))
@pytest.mark.parametrize("flags", [RST, RST | ACK, FIN | ACK], ids=("rst", "rst-ack", "fin"))
def test_a_wrong_one_passes_and_ends_nothing(
    node: Harness, pair: Pair, flags: int, sender: Port
) -> None:
    mine, its = (1001, 5001) if sender is OUTSIDE else (5001, 1001)
    other = INSIDE if sender is OUTSIDE else OUTSIDE
    assert passes(node, *pair.handshake())
    assert passes(node, pair.tcp(sender, flags, mine, its, is_right=False))
    assert passes(node, pair.tcp(other, FIN | ACK, its, mine, is_right=False))
    assert node.stats.connections.bad_checksum == 2
    node.time.boot_ds += LONGER_THAN_ENDED_DS
    assert passes(node, pair.tcp(OUTSIDE, ACK | PSH, 1001, 5001, size=10))


def test_a_right_one_ends_it(node: Harness, pair: Pair) -> None:
    assert passes(node, *pair.handshake(), pair.tcp(OUTSIDE, RST, 1001))
    node.time.boot_ds += LONGER_THAN_ENDED_DS
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001, 5001)) == [Reason.OUT_OF_STATE]
    assert node.stats.connections.bad_checksum == 0


def test_a_wrong_one_is_no_way_past_the_window(node: Harness, pair: Pair) -> None:
    assert passes(node, *pair.handshake())
    blind = pair.tcp(OUTSIDE, RST, 1001 + (1 << 24), is_right=False)
    assert fate(node, blind) == [Reason.OUT_OF_WINDOW]
    nobodys = replace(pair, client_port=7).tcp(OUTSIDE, RST, 1, is_right=False)
    assert fate(node, nobodys) == [Reason.OUT_OF_STATE]


def test_a_host_that_refuses_is_believed_only_if_its_host_would_be(node: Harness) -> None:
    pair = Pair()
    first, second, third = pair.handshake()
    refusal = pair.tcp(INSIDE, RST | ACK, 0, 1001, is_right=False)
    assert passes(node, first, refusal, second, third)
    assert node.stats.connections.proven == 1


# --- the SYN proxy, in the place of a host --------------------------------------------------------


@pytest.fixture
def secrets(harness: Harness) -> Iterator[CookieSecrets]:
    with proxying(harness) as secrets:
        yield secrets


@pytest.fixture(params=FRAMES)
def like(request: pytest.FixtureRequest) -> bytes:
    return bytes(FRAMES[request.param])


def dropped(node: Harness, frame: Frame) -> bool:
    packet = node.run_one(frame)
    own, released = node.sent()
    return (packet.verdict, packet.reason, own, released) == (
        *(Verdict.DROP, Reason.TCP_CHECKSUM),
        *([], []),
    )


def test_a_wrong_syn_is_not_answered(harness: Harness, secrets: CookieSecrets, like: bytes) -> None:
    assert dropped(harness, segment(like, OUTSIDE, "S", ISN, chksum=0x1234))
    assert harness.stats.origin[abi.Origin.ANSWER].originated == 0


def test_a_wrong_acknowledgment_opens_nothing(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    assert dropped(harness, segment(like, OUTSIDE, "A", ISN + 1, cookie + 1, chksum=0x1234))
    assert harness.stats.connections.accepted == 0
    assert len(opening(harness, like, cookie)) == 1


def test_while_a_connection_is_opened_nothing_wrong_ends_it(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    opening(harness, like, cookie)
    for wrong in (
        segment(like, OUTSIDE, "R", ISN + 1, chksum=0x1234),
        segment(like, OUTSIDE, "FA", ISN + 1, cookie + 1, chksum=0x1234),
        segment(like, OUTSIDE, "S", ISN, chksum=0x1234),
        segment(like, INSIDE, "RA", 0, ISN + 1, chksum=0x1234),
    ):
        assert dropped(harness, wrong)
    (last,) = step(harness, segment(like, INSIDE, "SA", 9000, ISN + 1))
    assert (last.port, last.flags) == (INSIDE, "A")


# --- captures -------------------------------------------------------------------------------------


def replayed(library: ctypes.CDLL, *frames: bytes, kept: int = 1 << 16) -> int:
    """How many packets are out of state in a capture and a segment of its connection much later.

    ``kept``: bytes of each packet.
    """
    with Replay([Network.parse("198.51.100.0/24")], native=library) as replay:
        batch: Batch = batch_of((n, data[:kept], len(data)) for n, data in enumerate(frames))
        assert set(replay.run(batch)) == {Verdict.PASS}
        later = Pair().tcp(OUTSIDE, ACK, 1001, 5001).data
        replay.run(batch_of([(LEARNING_IS_OVER_NS, later, len(later))]))
        return replay.report().would_drop.get(Reason.OUT_OF_STATE.name.lower(), 0)


def unfinished(frame: Frame) -> bytes:
    """As it is captured where its sender's NIC is to add the sum of all but the pseudo header."""
    data = frame.data
    total = sum(data[i] << 8 | data[i + 1] for i in range(26, 34, 2)) + 6 + len(data) - 34
    return data[:50] + (total % 0xFFFF).to_bytes(2, "big") + data[52:]


@pytest.mark.parametrize("kind", ["right", "unfinished", "cut"])
def test_a_capture_has_checksums_that_say_nothing(library: ctypes.CDLL, kind: str) -> None:
    pair = Pair()
    start = [one.data for one in pair.handshake()]
    reset = pair.tcp(INSIDE, RST | ACK, 5001, 1001, size=64)
    last = unfinished(reset) if kind == "unfinished" else reset.data
    kept = 60 if kind == "cut" else 1 << 16
    assert replayed(library, *start, last, kept=kept) == 1


def test_a_capture_has_checksums_that_are_wrong(library: ctypes.CDLL) -> None:
    pair = Pair()
    wrong = pair.tcp(INSIDE, RST | ACK, 5001, 1001, is_right=False)
    assert replayed(library, *(one.data for one in pair.handshake()), wrong.data) == 0
