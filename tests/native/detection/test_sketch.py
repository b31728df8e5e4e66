"""The sketches by themselves: their errors stay within what is said of them."""

from __future__ import annotations

import ctypes
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dataplane.native import abi

FASTPATH = Path(__file__).parents[3] / "dataplane" / "fastpath"
PLACES = 64
HASH_BITS = 64


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    output = tmp_path_factory.mktemp("sketches") / "sketches.so"
    sources = [Path(__file__).with_name("sketches.c"), FASTPATH / "detection" / "sketch.c"]
    flags = ("-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    includes = [f"-I{FASTPATH}", f"-I{FASTPATH / 'include'}"]
    command = ["gcc", *flags, *includes, "-o", str(output), *map(str, sources)]
    subprocess.run(command, check=True, timeout=180)
    found = ctypes.CDLL(str(output))
    found.make.restype = ctypes.c_void_p
    found.estimate.restype = ctypes.c_uint64
    return found


class Sketches:
    """struct both of sketches.c."""

    def __init__(self, code: ctypes.CDLL) -> None:
        self._code = code
        self._both = ctypes.c_void_p(code.make(PLACES))

    def add(self, key: int, packets: int = 1) -> None:
        self._code.add(self._both, ctypes.c_uint64(key), ctypes.c_uint64(packets))

    def decay(self) -> None:
        self._code.decay(self._both)

    def ranked(self) -> list[tuple[int, int, int]]:
        """Key, packets, error."""
        out = (abi.Ranked * abi.NODE_TOP_MAX)()
        count = self._code.ranked(self._both, out)
        return [
            (int.from_bytes(bytes(one.key)[8:], "little"), one.packets, one.error)
            for one in out[:count]
        ]

    def see(self, hashed: int, level: int = 0) -> None:
        self._code.see(self._both, ctypes.c_uint64(hashed), level)

    def distinct(self) -> tuple[int, float]:
        """How many there are, and the share of those that were seen once."""
        once = ctypes.c_uint32()
        kept = self._code.kept(self._both, ctypes.byref(once))
        return self._code.estimate(self._both), once.value / kept if kept else 0.0


@pytest.fixture
def sketches(code: ctypes.CDLL) -> Sketches:
    return Sketches(code)


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_never_too_low_and_at_most_their_error_too_high(
    sketches: Sketches, seed: int
) -> None:
    rng, truth = random.Random(seed), Counter[int]()
    for _ in range(20_000):
        key, packets = min(int(rng.paretovariate(0.6)), 10**9), rng.randrange(1, 9)
        truth[key] += packets
        sketches.add(key, packets)
    found = sketches.ranked()
    total = sum(truth.values())
    assert len(found) == PLACES
    for key, packets, error in found:
        assert truth[key] <= packets <= truth[key] + error
        assert error <= total / PLACES
    assert {key for key, packets in truth.items() if packets > total / PLACES} <= {
        key for key, _, _ in found
    }
    assert [packets for _, packets, _ in found] == sorted((p for _, p, _ in found), reverse=True)


def test_few_keys_are_counted_exactly(sketches: Sketches) -> None:
    for key in range(1, PLACES + 1):
        sketches.add(key, key)
    assert sketches.ranked() == [(key, key, 0) for key in range(PLACES, 0, -1)]


def test_a_steady_rate_comes_to_seven_times_as_much_and_then_to_nothing(
    sketches: Sketches,
) -> None:
    for _ in range(100):
        sketches.add(1, 800)
        sketches.decay()
    ((_, packets, _),) = sketches.ranked()
    assert 7 * 790 <= packets <= 7 * 800
    for _ in range(100):
        sketches.decay()
    assert sketches.ranked() == []


def test_up_to_a_thousand_sources_are_counted_exactly(sketches: Sketches) -> None:
    rng = random.Random(1)
    hashes = [rng.getrandbits(HASH_BITS) for _ in range(abi.DISTINCT_MAX)]
    for number, hashed in enumerate(hashes):
        for _ in range(1 + number % 2):
            sketches.see(hashed)
    assert sketches.distinct() == (abi.DISTINCT_MAX, 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_many_sources_are_estimated(sketches: Sketches, seed: int) -> None:
    """Within five standard errors, of 1.2 / sqrt(DISTINCT_MAX) each."""
    rng = random.Random(seed)
    for number in range(50_000):
        hashed = rng.getrandbits(HASH_BITS)
        for _ in range(2 if number % 4 == 0 else 1):
            sketches.see(hashed)
    count, once = sketches.distinct()
    assert abs(count - 50_000) < 50_000 * 5 * 1.2 / abi.DISTINCT_MAX**0.5
    assert abs(once - 0.75) < 5 * 0.5 / (abi.DISTINCT_MAX / 2) ** 0.5


def test_a_sample_of_sources_stands_for_all_of_them(sketches: Sketches) -> None:
    rng, level = random.Random(7), 5
    for _ in range(20_000):
        hashed = rng.getrandbits(HASH_BITS)
        if hashed >> HASH_BITS - level == 0:
            sketches.see(hashed, level)
    assert abs(sketches.distinct()[0] - 20_000) < 20_000 * 0.2
