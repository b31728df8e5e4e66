"""Apply a policy of 1,000 profiles while packets pass: ``python -m bench.packets.apply``.

The worker forwards the same 512 frames in a cycle on ring ports, as fast as it can. Meanwhile the
control loop's code applies two policies alternately, from the document to the swapped pointer. The
ledger would show a lost packet, and the time of packets in the node would show a worker that waits.
The results of the same worker without policy changes are reported too.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.packets.inputs import traffic
from bench.packets.inputs.policy import PROFILES
from bench.packets.worker import WorkerBench
from dataplane.native import abi
from dataplane.pcap import create_capture
from dataplane.reconcile.active_policy import ActivePolicy

TIMES = 10
WANTED_S = 1.0
"""The target for applying the policy, at a million packets per second."""
FRAMES = 512
_ALONE_S = 3.0
_SLOW_NS = 100_000
"""A receive queue of 512 is full after five times as long, at a million packets per second."""


@dataclass
class Window:
    """The counters of the worker in a period."""

    seconds: float
    packets: int
    lost: int
    """Packets that were received, but neither forwarded nor still in the loop."""
    slow_packets: int
    """Packets that took longer than 100 us from receive to transmit."""


@dataclass
class Result:
    """The results of both periods, and the time that each policy took."""

    alone: Window | None = None
    applying: Window | None = None
    apply_s: list[float] = field(default_factory=list)


def document(variant: int) -> dict[str, Any]:
    """A policy with a thousand profiles, each with a target, a limit, ports and a country."""
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
    """Run the worker alone for a while, then while policies are applied."""
    result = Result()
    documents = [document(0), document(1)]

    def during(profiles: ActivePolicy, stats: abi.LcoreStats) -> None:
        profiles.apply(documents[1])  # the first time loads the modules that validate policies
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
    """The worker's counters; frames in flight count as neither lost nor forwarded."""

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
    """The results as lines of text."""
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
