"""A policy of 1,000 profiles, put in force while packets pass: ``python -m bench.packets.apply``.

The worker forwards the same 512 frames round and round on ring ports, as fast as it can; meanwhile
the control loop's part applies two policies in turn, from the document to the swapped pointer. A
packet that the node loses would be missing in the ledger; a worker that waits for anything would
show in the time that packets spend in it. Beside it stands the same worker left alone.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.packets import traffic
from bench.packets.policy import PROFILES
from bench.packets.worker import WorkerBench
from dataplane.native import abi
from dataplane.pcap import create_capture
from dataplane.reconcile.active_policy import ActivePolicy

TIMES = 10
WANTED_S = 1.0
"""Of the issue, to apply the policy at a million packets a second."""
FRAMES = 512
_ALONE_S = 3.0
_SLOW_NS = 100_000
"""A receive queue of 512 is full after five times as long, at a million packets a second."""


@dataclass
class Window:
    """What the worker did in a while."""

    seconds: float
    packets: int
    lost: int
    """Received, and neither forwarded nor still in the loop's hands."""
    slow_packets: int
    """Of those that took longer than 100 us from receive to transmit."""


@dataclass
class Result:
    """Both windows, and how long each policy took."""

    alone: Window | None = None
    applying: Window | None = None
    apply_s: list[float] = field(default_factory=list)


def document(variant: int) -> dict[str, Any]:
    """A thousand profiles, each with a target, a limit, ports and a country."""
    profiles = [
        {
            "name": f"customer-{number}",
            "targets": [f"10.{number >> 8}.{number & 255}.0/24", f"2001:db8:{number:x}::/48"],
            "rules": [
                {"type": "rate_limit", "value": 1000 + variant + number},
                {"type": "ports", "protocol": "tcp", "allow": [80, 443, "8000-8100"]},
                {"type": "geo_block", "countries": ["KP"]},
            ],
        }
        for number in range(PROFILES)
    ]
    return {"name": f"bench-{variant}", "rules": [], "profiles": profiles}


def measure() -> Result:
    """Run the worker alone for a while, then with policies applied beside it."""
    result = Result()
    documents = [document(0), document(1)]

    def during(profiles: ActivePolicy, stats: abi.LcoreStats) -> None:
        profiles.apply(documents[1])  # the first time loads what validates policies
        before = _Snapshot(stats)
        time.sleep(_ALONE_S)
        result.alone = before.until(_Snapshot(stats))
        before = _Snapshot(stats)
        for number in range(TIMES):
            start = time.perf_counter()
            profiles.apply(documents[number % 2])
            result.apply_s.append(round(time.perf_counter() - start, 3))
        result.applying = before.until(_Snapshot(stats))

    with tempfile.TemporaryDirectory() as directory:
        frames = Path(directory) / "frames.pcap"
        layout = traffic.layout(4)
        with create_capture(frames) as capture:
            for number in range(FRAMES):
                source = bytes([100, 64, number >> 8, number & 255])
                frame = traffic.frame_from(layout, source)
                capture.write(number, frame, len(frame))
        with WorkerBench([f"net_pcap0,rx_pcap={frames}"]) as bench:
            bench.circle(f"net_pcap0,rx_pcap={frames}", 1.0, during=during)
    return result


class _Snapshot:
    """The worker's counters; the frames that are on their way count as neither."""

    def __init__(self, stats: abi.LcoreStats) -> None:
        self.at = time.monotonic()
        self.received = sum(port.received for port in stats.port)
        self.dropped = sum(sum(port.dropped) for port in stats.port)
        bounds = (*abi.LATENCY_BOUNDS_NS, float("inf"))
        pairs = zip(bounds, stats.latency.bucket, strict=True)
        self.slow = sum(count for bound, count in pairs if bound > _SLOW_NS)

    def until(self, later: _Snapshot) -> Window:
        return Window(
            seconds=round(later.at - self.at, 2),
            packets=later.received - self.received,
            lost=later.dropped - self.dropped,
            slow_packets=later.slow - self.slow,
        )


def lines(result: dict[str, Any]) -> list[str]:
    """For people."""
    apply_s = sorted(result["apply_s"])
    median, longest = apply_s[len(apply_s) // 2], apply_s[-1]
    took = f"{median} s (median of {len(apply_s)}), {longest} s at most; wanted <= {WANTED_S} s"
    found = [f"a policy of {PROFILES} profiles applied in {took}"]
    for name in ("alone", "applying"):
        window = result[name]
        rate = window["packets"] / window["seconds"] / 1e6
        slow = f"{window['slow_packets']} of {window['packets']:,} packets over 100 us in the node"
        found.append(f"{name}: {rate:.1f} Mpps, {window['lost']} lost, {slow}")
    return found


if __name__ == "__main__":
    measured = asdict(measure())
    print("\n".join(lines(measured)))
    print(json.dumps(measured))
