"""Limits when far more sources are active than there is room for: nobody is the worse for it."""

from __future__ import annotations

import ctypes
import resource
import subprocess
from pathlib import Path

import pytest

from dataplane.base.settings import LimitCapacities
from dataplane.native.abi import BURST_MAX, Reason
from tests.native import frames
from tests.native.harness import Harness
from tests.native.stages.limits.limits_support import SECOND, buckets, limited
from tests.native.stages.limits.test_limits import from4

PACKETS = 20_000_000
BURSTS = PACKETS // BURST_MAX
NS_PER_BURST = 3_200
"""Ten million packets a second, for two seconds."""
RATE, BURST = 10, 4
CAPACITIES = LimitCapacities(65_536, 7, 7)
"""A flood of a million sources in debt at any time: ten for each bucket that there is."""
GOOD_SOURCES = 100
GOOD_INTERVAL = SECOND // RATE // NS_PER_BURST
"""In bursts: as often as the limit lets them."""


class Flood(ctypes.Structure):
    """struct flood of flood.c."""

    _fields_ = [
        ("run", ctypes.c_void_p),
        ("lcore", ctypes.c_void_p),
        ("frame", ctypes.c_char_p),
        *((name, ctypes.c_uint64) for name in ("bursts", "ns_per_burst", "random")),
        *((name, ctypes.c_uint64) for name in ("good_sources", "good_interval")),
        ("sent", ctypes.c_uint64 * 3),
        ("dropped", ctypes.c_uint64 * 3),
    ]


@pytest.fixture
def flood(tmp_path: Path) -> ctypes.CDLL:
    output, source = tmp_path / "flood.so", Path(__file__).with_name("flood.c")
    fastpath = Path(__file__).parents[4] / "dataplane" / "fastpath"
    includes = (f"-I{fastpath}", f"-I{fastpath / 'include'}")
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *includes]
    subprocess.run([*command, "-o", str(output), str(source)], check=True, timeout=180)
    return ctypes.CDLL(str(output))


def test_twenty_million_forged_sources_harm_no_source_that_behaves(
    harness: Harness, flood: ctypes.CDLL
) -> None:
    harness.use_policy(limited(Reason.RATE_SOURCE_PACKETS, RATE, BURST))
    with buckets(harness, CAPACITIES) as limits:
        reserved = limits.bytes
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = Flood(
            run=ctypes.cast(harness.library.sb_pipeline_run, ctypes.c_void_p),
            lcore=ctypes.addressof(harness.lcore),
            frame=from4(frames.CLIENT4)[:60],
            bursts=BURSTS,
            ns_per_burst=NS_PER_BURST,
            random=88_172_645_463_325_252,
            good_sources=GOOD_SOURCES,
            good_interval=GOOD_INTERVAL,
        )
        assert flood.flood_run(ctypes.byref(run)) == 0
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        assert limits.bytes == reserved
    good, bad, forged = zip(run.sent, run.dropped, strict=True)
    seconds = BURSTS * NS_PER_BURST / SECOND
    assert good[0] >= GOOD_SOURCES * (seconds * RATE - 1)
    assert good[1] == 0
    # Who sends too much is never forgotten: it gets what it would get alone.
    assert BURST + RATE * seconds - 2 <= bad[0] - bad[1] <= BURST + RATE * seconds + 1
    assert forged[0] + good[0] + bad[0] == BURSTS * BURST_MAX
    assert grown <= reserved + (4 << 20)
