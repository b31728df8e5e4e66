"""HTTP inspection with 50,000 rules, compared with ModSecurity: ``python -m bench.http`` (root).

A lab whose default profile inspects HTTP on port 80, a client that sends the 789-byte request with
wrk on kept connections, and nginx behind the node. The worker time comes from the node's own
sampled cycles of the HTTP stage: parsing, copies, forms, scans, and the work for every
acknowledgment and response. The latency is the node's histogram from the complete request to its
transmission, at half of the machine's maximum rate. For this rate, wrk uses enough connections that
pause for a millisecond after every response, so requests come in bursts. ModSecurity's figure is
the processor time of its process.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from bench.http import modsecurity
from bench.http.request import REQUEST_BYTES, fields, target
from bench.rules import patterns
from dataplane.shared.stats import LatencyHistogram, NodeStats, StageStats
from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

ORIGIN = "http://198.19.0.1"
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 16
LATENCY_SECONDS = 15
TRIAL_SECONDS = 2
PAUSE_MS = 1
CONNECTIONS_MAX = 1000
RULES = 50_000
_IMPORT_S_MAX = 900
_PERCENTILE = 0.99


@dataclass(frozen=True)
class Inspection:
    """Results of one measurement; the rates are requests per second."""

    rules: int
    us_per_request: float
    rounds_us: tuple[float, ...]
    full_rate: float
    half_rate: float
    latency_p99_ms: float
    """Upper bound of its histogram bucket."""


def measure(rules: int = RULES) -> list[Inspection]:
    """Measure inspection without a rule, then with this many rules."""
    lab = Lab("bench-http")
    lab.down()
    lab.up("--mode", "l7")
    try:
        lab.change("PUT", "/policy", json={"name": "web", "http": {"ports": [80]}})
        found = [_measured(lab, 0)]
        add_rules(lab, rules)
        found.append(_measured(lab, rules))
    finally:
        lab.down()
    return found


def add_rules(lab: Lab, count: int) -> None:
    """Import rules, and wait until they are compiled and in force."""
    lines = (json.dumps({"pattern": text, "action": "block"}) for text in patterns(count))
    answer = lab.api(
        "POST",
        "/rules/import",
        data="\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
        timeout_s=_IMPORT_S_MAX,
    )
    if not answer.ok:
        raise RuntimeError(f"the import of {count} rules was refused: {answer.text}")
    wait_for(_all_active(lab, count), f"{count} rules are in force", _IMPORT_S_MAX, 1.0)


def _all_active(lab: Lab, count: int) -> Callable[[], bool]:
    def done() -> bool:
        listed = lab.api("GET", "/rules?limit=1000").json()
        states = {rule["status"] for rule in listed["rules"]}
        return bool(listed["total"] == count and states == {"active"})

    return done


def _measured(lab: Lab, rules: int) -> Inspection:
    wrk(lab, SECONDS)  # warm
    rounds, rates = [], []
    for _ in range(ROUNDS):
        before = lab.stats()
        rates.append(wrk(lab, SECONDS))
        rounds.append(us_per_request(before, lab.stats()))
    full = statistics.median(rates)
    connections = connections_for(lab, full / 2)
    before = lab.stats()
    half = wrk(lab, LATENCY_SECONDS, connections, PAUSE_MS)
    p99_ns = percentile_ns(before.request_latency, lab.stats().request_latency)
    return Inspection(
        rules=rules,
        us_per_request=round(statistics.median(rounds), 2),
        rounds_us=tuple(round(each, 2) for each in rounds),
        full_rate=round(full),
        half_rate=round(half),
        latency_p99_ms=p99_ns / 1e6,
    )


def connections_for(lab: Lab, rate: float) -> int:
    """The number of connections with pauses for this rate, found by a trial."""
    connections = min(max(1, round(rate * PAUSE_MS / 1000)), CONNECTIONS_MAX)
    reached = wrk(lab, TRIAL_SECONDS, connections, PAUSE_MS)
    return min(max(1, round(connections * rate / reached)), CONNECTIONS_MAX)


def wrk(lab: Lab, seconds: int, connections: int = CONNECTIONS, pause_ms: int = 0) -> float:
    """Requests per second that wrk reaches. ``pause_ms``: pause of a connection after each
    response."""
    command = ["wrk", "--threads", "1", "--connections", str(connections)]
    command += ["--duration", f"{seconds}s", "--timeout", "5s"]
    for name, value in fields().items():
        command += ["--header", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"function delay() return {pause_ms} end\n")
        script.flush()
        command += ["--script", script.name] if pause_ms else []
        done = lab.in_client(*command, f"{ORIGIN}{target()}", timeout_s=seconds + 30.0)
    # The page does not exist: nginx answers 404, which makes no difference to inspection.
    if "Socket errors" in done.stdout or "requests in" not in done.stdout:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    return float(done.stdout.split("Requests/sec:")[1].split()[0])


def us_per_request(before: NodeStats, after: NodeStats) -> float:
    """Worker time of the HTTP stage per request inspected between the two readings."""
    requests = after.request_latency.count - before.request_latency.count
    old, new = _http(before), _http(after)
    sampled = new.sampled_packets - old.sampled_packets
    if not requests or not sampled:
        raise RuntimeError(f"{requests} requests inspected, {sampled} packets measured")
    cycles = (new.sampled_cycles - old.sampled_cycles) / sampled
    return cycles * (new.packets - old.packets) / requests / after.tsc_hz * 1e6


def _http(stats: NodeStats) -> StageStats:
    parts = [asdict(lcore.stages["http"]) for lcore in stats.lcores]
    return StageStats(**{name: sum(part[name] for part in parts) for name in parts[0]})


def percentile_ns(before: LatencyHistogram, after: LatencyHistogram) -> float:
    """The upper bound of the bucket that contains `_PERCENTILE` of the new requests."""
    counts = [new - old for old, new in zip(before.buckets, after.buckets, strict=True)]
    wanted, reached = sum(counts) * _PERCENTILE, 0
    for count, bound in zip(counts, (*after.bounds_ns, float("inf")), strict=True):
        reached += count
        if reached >= wanted:
            return bound
    raise RuntimeError("no request was measured")


def main() -> int:
    """Print the results as a line of JSON; returns the exit code."""
    started = time.monotonic()
    if not modsecurity.is_installed():
        print("nginx's ModSecurity module or the rules are missing: make setup-bench")
        return 1
    ours, others = measure(), modsecurity.measure()
    added = others["added_us"]
    assert isinstance(added, float)
    found = {
        "request_bytes": REQUEST_BYTES,
        "inspection": [asdict(each) for each in ours],
        "others": others,
        "times_modsecurity": round(added / ours[-1].us_per_request),
        "wanted": {"us_per_request": 5, "times_modsecurity": 50, "latency_p99_ms": 0.3},
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
