"""Frames of the node's own: what they say, with and without a payload, and what they count."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane.model import tcp_frame
from dataplane.model.packet import ACK, Packet
from dataplane.model.tcp_frame import IpFields
from dataplane.native import abi
from dataplane.native.abi import Origin, Port, Verdict
from tests.native.connections.syn.syn_proxy_support import assert_checksums, segment
from tests.native.harness import Harness

INCLUDE = Path(__file__).parents[3] / "dataplane" / "fastpath" / "include"
SIZES = (0, 1, 2, 3, 4, 5, 100, 331, abi.OWN_PAYLOAD_MAX - 1, abi.OWN_PAYLOAD_MAX)
HEADER = tcp_frame.Header(
    sequence=0xFFFF_FFFE,
    acknowledgment=7,
    window=1024,
    flags=ACK | 1,
    ip=IpFields(255, 0xC0),
    times=(1, 2),
)
Originate = Callable[[abi.Packet, bool, bytes], bool]


@pytest.fixture
def originate(harness: Harness, tmp_path: Path) -> Originate:
    """Sends a segment as ``originate.c`` fills it in, the same as `HEADER`."""
    output, source = tmp_path / "originate.so", Path(__file__).with_name("originate.c")
    includes = (f"-I{INCLUDE}", f"-I{INCLUDE.parent}")
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", *includes]
    subprocess.run([*command, "-o", str(output), str(source)], check=True, timeout=180)
    function = ctypes.CDLL(str(output)).originate
    function.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_bool, ctypes.c_char_p, ctypes.c_uint32]
    function.restype = ctypes.c_bool
    native = ctypes.cast(harness.library.sb_originate, ctypes.c_void_p)
    harness.give_outbox()

    def send(like: abi.Packet, back: bool, payload: bytes) -> bool:
        addresses = ctypes.addressof(harness.lcore), ctypes.addressof(like)
        return bool(function(native, *addresses, back, payload, len(payload)))

    return send


def run_one(harness: Harness, like: bytes) -> abi.Packet:
    (packet,) = harness.run([segment(like, Port.OUTSIDE, "A", 5, 6)])
    assert packet.verdict == Verdict.PASS
    return packet


@pytest.mark.parametrize("back", [True, False])
def test_a_payload_of_every_size_is_sent_as_the_model_writes_it(
    harness: Harness, originate: Originate, like: bytes, back: bool
) -> None:
    packet = run_one(harness, like)
    modelled = Packet(
        harness.bytes_of(packet),
        packet.length,
        Port(packet.port),
        l3_offset=packet.l3_offset,
        l4_offset=packet.l4_offset,
        ip_version=packet.ip_version,
    )
    for size in SIZES:
        payload = bytes((7 * i + 1) % 251 for i in range(size))
        assert originate(packet, back, payload)
        ((own, data),), released = harness.sent()
        written = tcp_frame.written(modelled, HEADER, back=back, payload=payload)
        assert (data, released) == (tcp_frame.padded(written), [])
        assert (own.port, own.length) == (Port(packet.port ^ back), len(data))
        assert_checksums(data)
    stats = harness.stats.origin[Origin.RESET]
    assert stats.originated == len(SIZES)


def test_without_a_buffer_nothing_is_sent_and_nothing_counted(
    harness: Harness, originate: Originate, like: bytes
) -> None:
    packet = run_one(harness, like)
    for _ in range(abi.OUTBOX_BUFFERS):
        assert originate(packet, True, b"")
    assert not originate(packet, True, b"")
    own, _ = harness.sent()
    assert len(own) == harness.stats.origin[Origin.RESET].originated == abi.OUTBOX_BUFFERS
