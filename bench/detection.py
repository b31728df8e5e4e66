"""Time from the packet that crosses a threshold to the incident: ``python -m bench.detection``
(root).

A lab with the default policy. hping3 floods the origin with SYNs from the client, pauses until the
incident has ended, and floods again. tcpdump at the client's interface records when each SYN left.
The crossing packet is the first packet for which the number of packets within one second reaches
the threshold of the incident. The benchmark reports the times from this packet to the incident's
``detected_at`` (whole milliseconds) and to the moment when a reader of the shared pages has seen
the incident, and the delay that the node itself has counted in
``secbeat_attack_detection_seconds``, from its own estimate of the crossing.

The node's delay comes from a histogram, so it is an upper bound. On a busy machine tcpdump reads
packets late, but their times stay correct.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import struct
import subprocess
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplane.client import Observer, observe
from dataplane.shared.incidents import DELAY_BOUNDS_MS, Incident
from dataplane.shared.stats import NodeStats
from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

FLOODS = 20
TARGET_MS = 300.0
"""Target for the 95th percentile."""
ORIGIN = "198.19.0.1"
FLOOD = ("hping3", "--quiet", "--syn", "--destport", "80", "--interval", "u100", ORIGIN)
CAPTURE = (
    "tcpdump",
    "-n",
    "-i",
    "net0",
    "-Q",
    "out",
    "-s",
    "64",
    "-B",
    "16384",
    "-U",
    "-Z",
    "root",
)
SYNS = f"dst host {ORIGIN} and tcp[tcpflags] == tcp-syn"
_CONFIG = "[connections]\nlearning_seconds = 0\n"
_PCAP_HEADER, _PCAP_MAGIC = 24, 0xA1B2C3D4
_LOOK_S = 0.001
_BOUND_S = 60.0


@dataclass(frozen=True)
class Delay:
    """Milliseconds after the crossing packet."""

    detected: float
    seen: float


def measure(count: int) -> dict[str, Any]:
    """Run ``count`` floods, one after the other."""
    lab = Lab("bench-detection")
    lab.down()  # left by an interrupted run
    try:
        lab.up(config=_CONFIG)
        with observe(Path(lab.instance.socket)) as observer:
            before = observer.stats()
            delays = [_flood(lab, observer) for _ in range(count)]
            after = observer.stats()
    finally:
        lab.down()
    return {
        "floods": count,
        "detected_ms": _percentiles([each.detected for each in delays]),
        "seen_ms": _percentiles([each.seen for each in delays]),
        "node_ms_at_most": _of_node(before, after),
        "wanted_p95_ms": TARGET_MS,
    }


def _flood(lab: Lab, observer: Observer) -> Delay:
    known = {each.id for each in observer.incidents()}
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:
        path = Path(directory) / "syns.pcap"
        with _captured(lab, path):
            with _running([*lab.enter("client"), *FLOOD]):
                incident, seen_s = _first(observer, known)
            wait_for(lambda: not _active(observer), "the incident is over", bound_s=_BOUND_S)
        times = _times(path.read_bytes())
    crossed_s = _crossing(times, incident.trigger.threshold)
    return Delay(incident.detected_at - crossed_s * 1e3, (seen_s - crossed_s) * 1e3)


def _first(observer: Observer, known: set[str]) -> tuple[Incident, float]:
    """The new incident, and the time at which it was seen, in seconds since 1970."""
    end = time.monotonic() + _BOUND_S
    while time.monotonic() < end:
        new = [each for each in observer.incidents() if each.id not in known]
        if new:
            return new[0], time.time()
        time.sleep(_LOOK_S)
    raise TimeoutError(f"no incident within {_BOUND_S} s of a flood")


def _active(observer: Observer) -> list[Incident]:
    return [each for each in observer.incidents() if each.is_active]


@contextmanager
def _captured(lab: Lab, path: Path) -> Iterator[None]:
    """Capture the client's packets during the block; the file is complete after it."""
    with _running([*lab.enter("client"), *CAPTURE, "-w", str(path), SYNS]):
        wait_for(lambda: path.exists() and path.stat().st_size > 0, "tcpdump listens")
        yield


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_BOUND_S)


def _times(capture: bytes) -> list[float]:
    """The time of each packet, in seconds since 1970 (pcap in this machine's byte order,
    microseconds)."""
    (magic,) = struct.unpack_from("=I", capture)
    if magic != _PCAP_MAGIC:
        raise ValueError(f"no pcap with microseconds of this machine: it begins with {magic:#x}")
    found, at = [], _PCAP_HEADER
    while at + 16 <= len(capture):
        seconds, micros, captured, _length = struct.unpack_from("=4I", capture, at)
        found.append(seconds + micros / 1e6)
        at += 16 + captured
    return found


def _crossing(times: list[float], threshold: int) -> float:
    """The time of the first packet that is the threshold-th within one second."""
    for number in range(threshold - 1, len(times)):
        if number - bisect_left(times, times[number] - 1.0) + 1 >= threshold:
            return times[number]
    raise ValueError(f"{len(times)} SYNs were captured, never {threshold} within a second")


def _percentiles(values: list[float]) -> dict[str, float]:
    """Percentiles, by nearest rank."""
    ordered = sorted(values)
    found = {share: ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.95, 1.0)}
    return {f"p{share * 100:.0f}": round(value, 1) for share, value in found.items()}


def _of_node(before: NodeStats, after: NodeStats) -> dict[str, int | None]:
    """The upper bounds of the buckets with the percentiles; None: above the last bound."""
    pairs = zip(before.detection.delay_buckets, after.detection.delay_buckets, strict=True)
    counts = [new - old for old, new in pairs]
    bounds: list[int | None] = [*DELAY_BOUNDS_MS, None]
    found: dict[str, int | None] = {}
    for share in (0.5, 0.95, 1.0):
        left = math.ceil(sum(counts) * share)
        for count, bound in zip(counts, bounds, strict=True):
            left -= count
            if left <= 0:
                found[f"p{share * 100:.0f}"] = bound
                break
    return found


def lines(result: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    names = {
        "detected_ms": "crossing packet to detected_at",
        "seen_ms": "crossing packet to being seen in the shared pages",
        "node_ms_at_most": "by the node's histogram, at most",
    }
    texts = [
        f"{text}: " + ", ".join(f"{name} {value} ms" for name, value in result[key].items())
        for key, text in names.items()
    ]
    return [
        f"{result['floods']} SYN floods",
        *texts,
        f"wanted: p95 <= {result['wanted_p95_ms']:.0f} ms",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.detection")
    parser.add_argument("--floods", type=int, default=FLOODS)
    measured = measure(parser.parse_args().floods)
    print("\n".join(lines(measured)))
    print(json.dumps(measured))
