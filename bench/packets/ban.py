"""Time from the request that bans an address to its effect on packets: ``python -m
bench.packets.ban``.

A node with its three processes, and one request at a time on a new connection, as curl would send
it: first on an idle node, then during the import of a million addresses. The effect is read from
the statistics page: the ban's revision is in force, so it applies to the worker's next burst. The
answer comes some milliseconds later, because it tells whether the ban is in force; its time is
reported too.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from uuid import UUID

from bench.packets import node
from dataplane.client import Observer, observe
from tests.support.instances.lab import KEY_HEADER, Lab

IDLE_BANS = 200
DURING_BANS_MAX = 2000
TARGETS_MS = {"p50": 10.0, "p99": 50.0}
"""The target during the import."""
_PAUSE_S = 0.01
_EFFECT_S_MAX = 25.0
_LOOK_S = 0.0002


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds, by nearest rank."""

    bans: int
    p50: float
    p99: float
    max: float


class Times(NamedTuple):
    """Milliseconds since the request."""

    effect: float
    answer: float


class Banner:
    """Bans one new address after the other."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._made = 0
        self._key = lab.make_key("bench-ban")

    def ban(self, observer: Observer) -> Times:
        """Ban the next address."""
        self._made += 1
        address = f"192.0.{self._made >> 8}.{self._made & 255}"
        stats = observer.stats()
        if stats.database_id is None:
            raise RuntimeError("the data plane has no state yet")
        next_revision = stats.applied_through + 1
        connection = http.client.HTTPConnection(self._lab.instance.address, 9999, timeout=30)
        started = time.monotonic()
        try:
            headers = {KEY_HEADER: self._key, "Content-Type": "application/json"}
            body = json.dumps({"ip": address, "reason": "bench"})
            connection.request("POST", "/api/v1/blacklist", body, headers)
            # The import's revision may come first, and be applied long after the ban is in force.
            seen = _wait_in_force(observer, stats.database_id, next_revision, next_revision + 1)
            answer = connection.getresponse()
            text = answer.read()
            answered = time.monotonic()
        finally:
            connection.close()
        if answer.status not in (201, 202):
            raise RuntimeError(f"ban of {address}: {answer.status} {text[:300]!r}")
        revision = int(json.loads(text)["revision"])
        if revision not in seen:
            seen |= _wait_in_force(observer, stats.database_id, revision)
        if revision not in seen:
            raise TimeoutError(f"the ban of {address} has no effect")
        return Times((seen[revision] - started) * 1e3, (answered - started) * 1e3)


def _wait_in_force(observer: Observer, database_id: UUID, *revisions: int) -> dict[int, float]:
    """Wait for the first of the revisions; returns those in force then, with the time."""
    end = time.monotonic() + _EFFECT_S_MAX
    while time.monotonic() < end:
        found = [each for each in revisions if observer.in_force(database_id, each)]
        if found:
            return dict.fromkeys(found, time.monotonic())
        time.sleep(_LOOK_S)
    return {}


def measure(lab: Lab) -> dict[str, Any]:
    """Latencies on an idle node and during an import of a million addresses, which stay
    afterwards."""
    banner, importer = Banner(lab), lab.make_key("bench-import")
    body, times, added = node.addresses(), list[Times](), list[int]()
    with observe(lab.instance.socket) as observer:
        idle = [_paced(banner, observer) for _ in range(IDLE_BANS)]
        started = time.monotonic()
        bulk = threading.Thread(target=lambda: added.append(node.bring(lab, importer, body)))
        bulk.start()
        while bulk.is_alive() and len(times) < DURING_BANS_MAX:
            times.append(_paced(banner, observer))
        bulk.join()
    if not added:
        raise RuntimeError("the import failed")
    return {
        "idle": _summary(idle),
        "during_import": _summary(times),
        "targets_ms": TARGETS_MS,
        "imported": added[0],
        "import_s": round(time.monotonic() - started, 1),
    }


def _summary(times: list[Times]) -> dict[str, Any]:
    effects, answers = zip(*times, strict=True)
    return {**asdict(latency(effects)), "answer": asdict(latency(answers))}


def latency(times_ms: Sequence[float]) -> Latency:
    """Summary of at least one time."""
    ordered = sorted(times_ms)
    p50, p99 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.99))
    return Latency(len(ordered), round(p50, 1), round(p99, 1), round(ordered[-1], 1))


def lines(result: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    texts = []
    for name in ("idle", "during_import"):
        found = result[name]
        for what, each in (("effect", found), ("answer", found["answer"])):
            texts.append(
                f"ban to {what}, {name.replace('_', ' ')}: p50 {each['p50']} ms, p99 {each['p99']} "
                f"ms, max {each['max']} ms of {each['bans']}"
            )
    wanted = result["targets_ms"]
    texts.append(
        f"wanted during an import: p50 <= {wanted['p50']:.0f} ms, p99 <= {wanted['p99']:.0f} ms; "
        f"the import of {result['imported']:,} took {result['import_s']} s"
    )
    return texts


def _paced(banner: Banner, observer: Observer) -> Times:
    time.sleep(_PAUSE_S)
    return banner.ban(observer)


if __name__ == "__main__":
    with node.running() as started_lab:
        found_latency = measure(started_lab)
    print("\n".join(lines(found_latency)))
    print(json.dumps(found_latency))
