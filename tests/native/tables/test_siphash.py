"""SipHash-2-4 of eight messages at once, in each of its ways, against the specification's own."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

import pytest

from dataplane.model.siphash import siphash_2_4
from tests.native.harness import Harness

LANES = 8
Key = ctypes.c_uint64 * 2
Hashes = ctypes.c_uint64 * LANES


def only_with(flag: str) -> pytest.MarkDecorator:
    """For a way that ends the process on a processor without its instructions."""
    has_it = flag in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return pytest.mark.skipif(not has_it, reason=f"this processor has no {flag}")


def hashes(
    harness: Harness, function: str, key: tuple[int, int], messages: list[bytes]
) -> list[int]:
    count = len(messages[0]) // 8
    words = (ctypes.c_uint64 * LANES * count)()
    for lane, message in enumerate(messages):
        for i in range(count):
            words[i][lane] = int.from_bytes(message[8 * i : 8 * i + 8], "little")
    found = Hashes()
    getattr(harness.library, function)(Key(*key), words, ctypes.c_uint32(count), found)
    return list(found)


@pytest.mark.parametrize(
    "function",
    [
        "sb_sip_hash_lanes",
        "sb_sip_hash_each",
        pytest.param("sb_sip_hash_four", marks=only_with("avx2")),
        pytest.param("sb_sip_hash_eight", marks=only_with("avx512f")),
    ],
)
@pytest.mark.parametrize("count", [1, 3, 6, 8])
def test_every_lane_has_the_hash_of_its_message(
    harness: Harness, function: str, count: int
) -> None:
    rng = random.Random(count)
    key = rng.getrandbits(64), rng.getrandbits(64)
    messages = [rng.randbytes(8 * count) for _ in range(LANES)]
    wanted = [siphash_2_4(key, message) for message in messages]
    assert hashes(harness, function, key, messages) == wanted


def test_vector_of_the_authors(harness: Harness) -> None:
    """Message of 16 bytes of the reference implementation's vectors_sip64."""
    key = int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")
    found = hashes(harness, "sb_sip_hash_lanes", key, [bytes(range(16))] * LANES)
    assert {one.to_bytes(8, "little").hex() for one in found} == {"db9bc2577fcc2a3f"}
