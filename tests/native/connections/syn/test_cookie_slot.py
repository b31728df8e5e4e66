"""A burst has one slot of cookies, from its first SYN to its last, whenever the next one begins."""

from __future__ import annotations

import ctypes
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from dataplane.model.packet import Packet
from dataplane.model.pipeline import run
from dataplane.model.policy import Profile as ModelProfile
from dataplane.model.stages.connections import syn_cookie, syn_proxy
from dataplane.model.state import Lcore, Node, Time
from dataplane.native import abi
from dataplane.native.abi import PacketFlag, Verdict
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import OUTSIDE
from tests.native.connections.syn.syn_proxy_support import syn
from tests.native.harness import Frame, Harness

BURSTS = 300
SEEN_MIN = 20
LIMIT_S = 120


class Alternation(ctypes.Structure):
    """struct alternation of alternate.c."""

    _fields_ = [
        ("word", ctypes.c_void_p),
        ("value", ctypes.c_uint32 * 2),
        ("stop", ctypes.c_uint32),
    ]


@pytest.fixture(scope="module")
def alternate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], None]:
    output = tmp_path_factory.mktemp("alternate") / "alternate.so"
    source = Path(__file__).with_name("alternate.c")
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(output), str(source)], check=True, timeout=60
    )
    function = ctypes.CDLL(str(output)).alternate
    function.argtypes = [ctypes.c_void_p]
    function.restype = None
    return function  # type: ignore[no-any-return]


@contextmanager
def rotating(alternate: Callable[[int], None], node: abi.Node, slots: list[int]) -> Iterator[None]:
    """Another thread changes the slot without pause."""
    address = ctypes.addressof(node) + abi.Node.cookie_slot.offset
    state = Alternation(address, (ctypes.c_uint32 * 2)(*slots))
    thread = threading.Thread(target=alternate, args=(ctypes.addressof(state),))
    thread.start()
    try:
        yield
    finally:
        state.stop = 1
        thread.join()


def syns(like: bytes) -> list[Frame]:
    """A burst of them, each of another port."""
    frames = []
    for port in range(abi.BURST_MAX):
        frame = Ether(syn(like).data)
        frame[TCP].sport, frame[TCP].chksum = 1024 + port, None
        frames.append(Frame(bytes(frame), OUTSIDE))
    return frames


def cookies(harness: Harness, frames: list[Frame], l4_offset: int) -> list[bytes]:
    """Those that a burst of SYNs is answered with."""
    packets = harness.run(frames)
    assert all(packet.verdict == Verdict.CONSUMED for packet in packets)
    assert all(packet.flags & PacketFlag.ANSWER for packet in packets)
    at = l4_offset + 4
    return [harness.bytes_of(packet)[at : at + 4] for packet in packets]


def test_a_slot_that_begins_within_a_burst_is_that_of_the_next_burst(
    harness: Harness, secrets: CookieSecrets, like: bytes, alternate: Callable[[int], None]
) -> None:
    slot, frames, l4_offset = harness.node.cookie_slot, syns(like), len(like) - 20
    expected = []
    for one in (slot, slot + 1):
        harness.node.cookie_slot = one
        expected.append(cookies(harness, frames, l4_offset))
    assert len({tuple(one) for one in expected}) == 2
    seen, end = [0, 0], time.monotonic() + LIMIT_S
    with rotating(alternate, harness.node, [slot, slot + 1]):
        while sum(seen) < BURSTS or min(seen) < SEEN_MIN:
            seen[expected.index(cookies(harness, frames, l4_offset))] += 1
            assert time.monotonic() < end, seen


def test_the_model_keeps_to_the_slot_that_a_burst_began_with(
    like: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = ModelProfile(syn_proxy=abi.SynProxy.ALWAYS)
    lcore = Lcore(Node(profiles=[profile], cookie_slot=100), tracks=True, proxies=True)
    used = []

    def rotated(node: Node, packet: Packet, isn: int, slot: int, index: int) -> int:
        used.append(slot)
        node.cookie_slot += 1
        return syn_cookie.cookie(node, packet, isn, slot, index)

    monkeypatch.setattr(syn_proxy, "cookie", rotated)
    for _ in range(2):
        packets = [Packet(one.data, len(one.data), OUTSIDE) for one in syns(like)[:3]]
        run(lcore, packets, Time(boot_ds=1000))
    assert used == [100] * 3 + [103] * 3
