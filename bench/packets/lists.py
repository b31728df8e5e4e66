"""Cost of the lists in memory and in the control loop's time: ``python -m bench.packets.lists``.

Memory is the proportional set size of this process, measured before and after each step: reserved
pages that were never written use no memory.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.packets.chain import ROOT
from bench.packets.inputs import traffic
from dataplane.native import library
from dataplane.tables.lists import Lists, pack_bytes

PREFIXES = 100_000


def main() -> None:
    """Fill lists step by step and print the cost of each step."""
    rng = random.Random(traffic.SEED)
    singles = traffic.single_records(traffic.sources(rng, 4, traffic.SINGLES))
    prefixes = {version: traffic.prefix_records(rng, version, PREFIXES) for version in (4, 6)}
    one = {version: traffic.prefix_records(random.Random(1), version, 1) for version in (4, 6)}
    loaded = library.load(ROOT / "build" / "libsecbeat-pipeline.so")
    pack_bytes(b"")
    before = pss_bytes()
    lists = Lists(loaded, traffic.SINGLES, traffic.PREFIXES_MAX, 1, rng.randbytes(16))
    steps: list[tuple[str, Callable[[], object]]] = [
        ("create", lambda: None),
        ("put 1,000,000 addresses", lambda: lists.put(singles)),
        ("put them again", lambda: lists.put(singles)),
        ("expire: look at all", lambda: lists.expire(1, 1 << 30)),
    ]
    for version in (4, 6):
        steps += [
            (f"put 100,000 IPv{version} prefixes", partial(lists.put, prefixes[version])),
            (f"commit them, IPv{version}", lists.commit),
            (f"put one more, IPv{version}", partial(lists.put, one[version])),
            (f"commit it, IPv{version}", lists.commit),
        ]
    print(f"{'step':34} {'ms':>8} {'MB':>7} {'usage bytes':>12}")
    for name, step in steps:
        started = time.monotonic()
        step()
        spent_ms = (time.monotonic() - started) * 1e3
        resident = (pss_bytes() - before) / 1e6
        print(f"{name:34} {spent_ms:8.1f} {resident:7.1f} {lists.usage().bytes:12}")
    print(json.dumps(vars(lists.usage())))


def pss_bytes() -> int:
    """Proportional set size of this process."""
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
