"""Random damage to good frames: whatever arrives, the invariants hold and no byte beyond is read.

Run under the sanitizers (``make -C dataplane/fastpath test-sanitize``) it also finds overreads. The
seed is in the test's name; ``SECBEAT_FUZZ_SEED`` and ``SECBEAT_FUZZ_BURSTS`` choose others.
"""

from __future__ import annotations

import os
import random

import pytest

from dataplane.native import abi
from dataplane.native.abi import PacketFlag, Port, Reason, Verdict
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

SEEDS = [int(os.environ["SECBEAT_FUZZ_SEED"])] if "SECBEAT_FUZZ_SEED" in os.environ else range(8)
BURSTS = int(os.environ.get("SECBEAT_FUZZ_BURSTS", "60"))
FLAGS = (0, 0, PacketFlag.CUT, PacketFlag.CHECKSUM_GOOD, PacketFlag.L4_GOOD)
OFFSETS = ("l3_offset", "l4_offset", "payload_offset", "client_offset", "protected_offset")
INTERESTING = (0, 1, 4, 5, 6, 15, 17, 43, 44, 51, 58, 60, 0x45, 0x60, 0x7F, 0x80, 0xFE, 0xFF)


def damaged(rng: random.Random, data: bytes, start: int = 0) -> bytes:
    """Some bytes from ``start`` on replaced, sometimes the end cut off or padded."""
    made = bytearray(data)
    # Headers are where it hurts.
    reach = min(len(made), start + 80)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        value = rng.choice(INTERESTING) if rng.random() < 0.5 else rng.randrange(256)
        made[rng.randrange(start, reach)] = value
    if rng.random() < 0.3:
        del made[rng.randrange(start, len(made)) :]
    elif rng.random() < 0.3:
        made += bytes(rng.randrange(64))
    return bytes(made)


def random_frame(rng: random.Random, samples: list[bytes]) -> Frame:
    data = damaged(rng, rng.choice(samples))
    available = rng.randrange(len(data) + 1) if rng.random() < 0.2 else len(data)
    port = rng.choice(list(Port))
    return Frame(data[:available], port, rng.choice(FLAGS), length=len(data))


def assert_sound(harness: Harness, packet: abi.Packet, frame: Frame) -> None:
    assert harness.bytes_of(packet) == frame.data
    verdict, reason = Verdict(packet.verdict), Reason(packet.reason)
    assert verdict in {Verdict.PASS, Verdict.DROP, Verdict.HANDED_OVER}
    assert (verdict is Verdict.DROP) == (reason is not Reason.NONE)
    assert all(getattr(packet, name) <= len(frame.data) for name in OFFSETS)
    if packet.ip_version:
        size = 4 if packet.ip_version == 4 else 16
        assert max(packet.client_offset, packet.protected_offset) + size <= len(frame.data)


@pytest.mark.parametrize("lcores", [1, 4])
@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_frames_keep_the_invariants(harness: Harness, seed: int, lcores: int) -> None:
    rng = random.Random(seed)
    samples = [frames.good(name, link) for name in sorted(frames.GOOD) for link in frames.LINKS]
    harness.node.lcore_count = lcores
    for _ in range(BURSTS):
        burst = [random_frame(rng, samples) for _ in range(abi.BURST_MAX)]
        harness.reset_stats()
        for packet, frame in zip(harness.run(burst), burst, strict=True):
            assert_sound(harness, packet, frame)
        assert_ledger(harness)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tag_changes_nothing_but_offsets(harness: Harness, seed: int) -> None:
    """Tagged frames take the thorough path, plain ones the fast path: both must say the same."""
    rng = random.Random(seed)
    samples = [frames.good(name) for name in sorted(frames.GOOD)]
    for _ in range(BURSTS):
        plain = [damaged(rng, rng.choice(samples), start=14) for _ in range(abi.BURST_MAX)]
        tagged = [data[:12] + b"\x81\0\0\7" + data[12:] for data in plain]
        expected = [findings(packet) for packet in harness.run(plain)]
        assert [findings(packet) for packet in harness.run(tagged)] == expected


def findings(packet: abi.Packet) -> dict[str, int]:
    same = ("ip_version", "protocol", "anomaly", "verdict", "reason")
    relative = {name: max(0, getattr(packet, name) - packet.l3_offset) for name in OFFSETS}
    found = relative | {name: getattr(packet, name) for name in same}
    return found | {"flags": packet.flags & ~PacketFlag.PLAIN}
