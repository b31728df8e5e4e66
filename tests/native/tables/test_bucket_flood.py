"""Token buckets when more sources are in debt than their sets have ways: none gains by it."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.base.settings import LimitCapacities
from dataplane.tables.limits_table import Limits

FASTPATH = Path(__file__).parents[3] / "dataplane" / "fastpath"
SETS, WAYS = 256, 7
SECOND = 10**9
RATE, BURST = 100, 100
"""Of the limit: packets a second, packets."""
COST = (SECOND // RATE) << 16
SECONDS, TIMES = 2, 10
"""How long flooders send, and how many times their limit."""
ALLOWED = BURST + RATE * SECONDS
HOME = 77
SEED, START_NS = 88_172_645_463_325_252, 10**12


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    output = tmp_path_factory.mktemp("bucket_flood") / "bucket_flood.so"
    sources = [
        Path(__file__).with_name("bucket_flood.c"),
        *(FASTPATH / "tables" / name for name in ("limits/buckets.c", "memory/memory.c")),
    ]
    flags = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    includes = [f"-I{FASTPATH}", f"-I{FASTPATH / 'include'}"]
    command = ["gcc", *flags, *includes, "-o", str(output), *map(str, sources)]
    subprocess.run(command, check=True, timeout=180)
    found = ctypes.CDLL(str(output))
    found.crowd_make.restype = ctypes.c_void_p
    found.crowd_send.restype = ctypes.c_bool
    found.crowd_passed.restype = ctypes.c_uint64
    found.crowd_debt.restype = ctypes.c_int64
    return found


class Crowd:
    """struct crowd of bucket_flood.c: sources of one limit, their packets, and the time."""

    def __init__(self, code: ctypes.CDLL, limits: int) -> None:
        self._code = code
        pointer = ctypes.c_void_p(limits)
        made = code.crowd_make(pointer, ctypes.c_uint64(SEED), ctypes.c_uint64(START_NS))
        self._crowd = ctypes.c_void_p(made)

    def add(self, count: int = 1, home: int = -1) -> range:
        """More sources with one home set, or with any; their numbers."""
        first, *_ = [self._code.crowd_add(self._crowd, home) for _ in range(count)]
        return range(first, first + count)

    def send(self, source: int, packets: int = 1) -> int:
        """How many of them pass."""
        limit = (ctypes.c_uint64(COST), ctypes.c_uint64(COST * BURST))
        return sum(self._code.crowd_send(self._crowd, source, *limit) for _ in range(packets))

    def debt(self, source: int) -> int:
        """In packets; -1: it has no bucket."""
        limit = (ctypes.c_uint64(COST), ctypes.c_uint64(COST * BURST))
        return int(self._code.crowd_debt(self._crowd, source, *limit))

    def flood(self, sources: range) -> list[int]:
        """All sources so far send TIMES their limit for SECONDS; how many packets pass of some."""
        before = [self.passed(one) for one in sources]
        ns_each = SECOND // (RATE * TIMES * sources.stop)
        numbers = (SECONDS * SECOND // ns_each, ns_each, COST, COST * BURST)
        self._code.crowd_flood(self._crowd, *map(ctypes.c_uint64, numbers))
        return [self.passed(one) - old for one, old in zip(sources, before, strict=True)]

    def passed(self, source: int) -> int:
        return int(self._code.crowd_passed(self._crowd, source))

    def wait(self, seconds: float) -> None:
        self._code.crowd_wait(self._crowd, ctypes.c_uint64(round(seconds * SECOND)))

    def free(self) -> None:
        self._code.crowd_free(self._crowd)


@pytest.fixture
def crowd(code: ctypes.CDLL, library: ctypes.CDLL) -> Iterator[Crowd]:
    capacities = LimitCapacities(SETS * WAYS, WAYS, WAYS)
    with Limits(library, capacities, bytes(range(16))) as limits:
        crowd = Crowd(code, limits.address)
        yield crowd
        crowd.free()


@pytest.mark.parametrize("count", [WAYS, 8, 16, 32, 256])
def test_flooders_of_one_home_set_get_their_limit_and_no_more(crowd: Crowd, count: int) -> None:
    passed = crowd.flood(crowd.add(count, HOME))
    assert max(passed) <= 1.05 * ALLOWED
    assert min(passed) >= 0.97 * ALLOWED


@pytest.mark.parametrize("part", [0.25, 0.5, 0.9])
def test_flooders_get_their_limit_until_nine_buckets_in_ten_are_in_debt(
    crowd: Crowd, part: float
) -> None:
    passed = crowd.flood(crowd.add(int(SETS * WAYS * part)))
    assert sum(passed) <= 1.01 * ALLOWED * len(passed)
    assert max(passed) <= 1.25 * ALLOWED


def test_beyond_the_room_who_floods_is_limited_less_but_nobody_new_more(crowd: Crowd) -> None:
    passed = crowd.flood(crowd.add(SETS * WAYS * 2))
    assert sum(passed) > 2 * ALLOWED * len(passed)
    for new in crowd.add(200):
        assert crowd.send(new, BURST // 2) == BURST // 2


def test_newcomers_to_a_set_of_flooders_have_a_whole_burst(crowd: Crowd) -> None:
    crowd.flood(crowd.add(32, HOME))
    for new in crowd.add(50, HOME):
        assert crowd.send(new, BURST + 10) == BURST


def test_a_source_whose_bucket_is_elsewhere_is_known_until_it_owes_nothing(crowd: Crowd) -> None:
    flooders = crowd.add(32, HOME)
    for one in flooders:
        assert crowd.send(one, BURST + 1) == BURST
    assert [crowd.debt(one) for one in flooders] == [BURST] * 32
    crowd.wait(BURST / RATE / 2)
    assert [crowd.debt(one) for one in flooders] == [BURST // 2] * 32
    assert [crowd.send(one, BURST) for one in flooders] == [BURST // 2] * 32
    crowd.wait(70)
    assert max(crowd.debt(one) for one in flooders) <= 0
    assert [crowd.send(one, BURST + 1) for one in flooders] == [BURST] * 32
