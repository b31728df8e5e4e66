"""Upload and download of a gigabyte over a bad line, inspected: ``python -m bench.http.bulk``
(root).

A lab with a VLAN that loses one of a hundred frames and reorders five, in each direction, with the
SYN proxy off and on. Reports whether the checksums are those of the sent data, the time, and the
node's drops for reasons of HTTP, which must be none. A program in Python simulates the line, so the
time says little about the node.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support.http_peers.exchange import dropped
from tests.support.http_peers.inspection import PROXIES, RECORDED, add_rule, policy, put, url
from tests.support.http_peers.recorder import sink
from tests.support.instances.lab import Lab
from tests.support.network.peers import vlan

MEGABYTES = 1000
LOST, LATE = 10, 50
"""Per thousand frames."""
VLAN = {"client": ["10.84.0.1/24"], "origin": ["10.84.0.2/24"]}
ORIGIN = "10.84.0.2"
_BLOCK = 1 << 20
_SLOWEST_S_PER_MB = 4.0


def measure(
    megabytes: int = MEGABYTES, lost: int = LOST, late: int = LATE
) -> list[dict[str, object]]:
    """Run the transfers; returns a row for each mode of the SYN proxy."""
    lab = Lab("bench-bulk")
    lab.down()
    lab.up(config="[connections]\nlearning_seconds = 0\n")
    try:
        key = lab.make_key("bench-bulk")
        put(lab, key, policy())
        add_rule(lab, key, r"union\s+select")
        with tempfile.TemporaryDirectory() as folder:
            sent = Path(folder) / "sent"
            digest = _write(sent, lab.instance.site / "sent", megabytes)
            with vlan(lab, 84, VLAN, bad=(lost, late)):
                return [_transfer(lab, key, sent, digest, syn) for syn in PROXIES]
    finally:
        lab.down()


def _write(sent: Path, served: Path, megabytes: int) -> str:
    """Write the same random bytes to two files; returns their checksum."""
    digest = hashlib.sha256()
    with sent.open("wb") as first, served.open("wb") as second:
        for _ in range(megabytes):
            block = os.urandom(_BLOCK)
            digest.update(block)
            first.write(block)
            second.write(block)
    served.chmod(0o644)
    return digest.hexdigest()


def _transfer(lab: Lab, key: str, sent: Path, digest: str, syn: str) -> dict[str, object]:
    put(lab, key, policy(syn=syn))
    before = dropped(lab)
    bound_s = _SLOWEST_S_PER_MB * sent.stat().st_size / _BLOCK
    curl = f"curl -gsS --max-time {bound_s:.0f}"
    up = f"{curl} -H Expect: -T {sent} {url(ORIGIN, RECORDED, '/up')}"
    down = f"{curl} {url(ORIGIN, 80, '/sent')} | sha256sum"
    with sink(lab, RECORDED) as uploaded:
        begin = time.monotonic()
        lab.in_client("sh", "-c", up, timeout_s=bound_s + 10)
        up_s = time.monotonic() - begin
        received = lab.in_client("sh", "-c", down, timeout_s=bound_s + 10).stdout
        down_s = time.monotonic() - begin - up_s
    now = dropped(lab)
    refused = {r: n - before.get(r, 0) for r, n in now.items() if r.startswith(("http", "waf"))}
    return {
        "syn": syn,
        "up_ok": uploaded.sums == [digest],
        "down_ok": received.split()[:1] == [digest],
        "up_s": round(up_s, 1),
        "down_s": round(down_s, 1),
        "refused": {reason: count for reason, count in refused.items() if count},
    }


def main() -> int:
    """Print the rows as lines of JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.http.bulk")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--lost", type=int, default=LOST, help="of a thousand frames")
    parser.add_argument("--late", type=int, default=LATE, help="of a thousand frames")
    options = parser.parse_args()
    rows = measure(options.megabytes, options.lost, options.late)
    for row in rows:
        print(json.dumps(row), flush=True)
    return 0 if all(row["up_ok"] and row["down_ok"] and not row["refused"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
