"""From the call that bans an address to its effect in the data plane: ``python -m bench.ban``.

A node with its three processes, one request at a time on a connection of its own, as curl would
make it; first with nothing else to do, then while a million addresses are imported. The effect is
read from the statistics page: the ban's revision is in force, so the worker's next burst meets it.
The answer to the request comes later still, or before, when it says ``pending``.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench import node
from dataplane.client import Observer, observe
from tests.support.lab import KEY_HEADER, Lab

IDLE_BANS = 200
DURING_BANS_MAX = 2000
TARGETS_MS = {"p50": 10.0, "p99": 50.0}
"""Of the issue, during the import."""
_PER_KEY = 90
"""Writes that one key may make in a minute are limited to 100."""
_PAUSE_S = 0.01
_EFFECT_S_MAX = 30.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds, by nearest rank."""

    bans: int
    p50: float
    p99: float
    max: float


class Banner:
    """Bans one address after the other, each for the first time."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._made = 0
        self._key = ""

    def ban(self, observer: Observer) -> float:
        """Ban the next address; returns milliseconds from the request to the effect."""
        if self._made % _PER_KEY == 0:
            self._key = self._lab.make_key(f"bench-{self._made}")
        self._made += 1
        address = f"192.0.{self._made >> 8}.{self._made & 255}"
        started = time.monotonic()
        revision = self._post(address)
        while observer.stats().applied_through < revision:
            if time.monotonic() - started > _EFFECT_S_MAX:
                raise TimeoutError(f"the ban of {address} has no effect")
            time.sleep(0.0005)
        return (time.monotonic() - started) * 1e3

    def _post(self, address: str) -> int:
        connection = http.client.HTTPConnection(self._lab.instance.address, 9999, timeout=30)
        try:
            headers = {KEY_HEADER: self._key, "Content-Type": "application/json"}
            body = json.dumps({"ip": address, "reason": "bench"})
            connection.request("POST", "/api/v1/blacklist", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status not in (201, 202):
            raise RuntimeError(f"ban of {address}: {answer.status} {text[:300]!r}")
        return int(json.loads(text)["revision"])


def measure(lab: Lab) -> dict[str, Any]:
    """Latencies of an idle node and of one that imports a million addresses, which then stay."""
    banner, importer = Banner(lab), lab.make_key("bench-import")
    body, times, added = node.addresses(), list[float](), list[int]()
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
        "idle": asdict(latency(idle)),
        "during_import": asdict(latency(times)),
        "targets_ms": TARGETS_MS,
        "imported": added[0],
        "import_s": round(time.monotonic() - started, 1),
    }


def latency(times_ms: list[float]) -> Latency:
    """Summary of at least one."""
    ordered = sorted(times_ms)
    p50, p99 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.99))
    return Latency(len(ordered), round(p50, 1), round(p99, 1), round(ordered[-1], 1))


def lines(result: dict[str, Any]) -> list[str]:
    """For people."""
    texts = []
    for name in ("idle", "during_import"):
        found = result[name]
        texts.append(
            f"ban to effect, {name.replace('_', ' ')}: p50 {found['p50']} ms, p99 {found['p99']} "
            f"ms, max {found['max']} ms of {found['bans']}"
        )
    wanted = result["targets_ms"]
    texts.append(
        f"wanted during an import: p50 <= {wanted['p50']:.0f} ms, p99 <= {wanted['p99']:.0f} ms; "
        f"the import of {result['imported']:,} took {result['import_s']} s"
    )
    return texts


def _paced(banner: Banner, observer: Observer) -> float:
    time.sleep(_PAUSE_S)
    return banner.ban(observer)


if __name__ == "__main__":
    with node.running() as started_lab:
        found_latency = measure(started_lab)
    print("\n".join(lines(found_latency)))
    print(json.dumps(found_latency))
