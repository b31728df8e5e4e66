"""Load of a fleet on its orchestrators: ``python -m bench.fleet.orchestrator [--nodes N]``.

Simulated nodes over real HTTP (`bench.fleet.nodes`), two orchestrators, and one PostgreSQL with
synchronous commits. First a tenth of the nodes send one heartbeat a second, which is the rate of
all nodes, and nothing else; the load of idle orchestrators is subtracted. Then all nodes only poll,
then they do both; at last the fleet bans an address. The CPU time comes from /proc, by process. The
nodes' own CPU time does not count, but the nodes use a part of the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.orchestrator.database.upgrade import migrate
from bench.fleet.nodes import EVERY_S
from tests.support.servers.fleet_server import FleetServer
from tests.support.servers.postgres import Postgres

TARGETS = {
    "p99_ms": 250.0,
    "poll_cpu_ms": 0.4,
    "heartbeat_cpu_ms": 1.0,
    "ban_s": 3.0,
    "worker_mb": 120.0,
}
_BAN_S = 8.0
_TICKS = os.sysconf("SC_CLK_TCK")
SYNCED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.orchestrator")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each part")
    parser.add_argument("--workers", type=int, default=1, help="of each orchestrator")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    with fleet(options.workers) as made:
        result = measure(made, options.nodes, options.seconds)
    for name, value in result.items():
        target = TARGETS.get(name)
        print(f"{name:<22} {value}" + (f"  (at most {target})" if target else ""))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


@dataclass(frozen=True)
class Fleet:
    """Two orchestrators and their database."""

    postgres: Postgres
    servers: tuple[FleetServer, ...]

    def cpu_s(self) -> tuple[float, float]:
        """CPU seconds of the orchestrators, and of PostgreSQL."""
        postmaster = int(
            (self.postgres.directory / "data" / "postmaster.pid").read_text().split()[0]
        )
        ours = sum(_cpu_s(pid) for each in self.servers for pid in family(each.process.pid))
        return ours, sum(_cpu_s(pid) for pid in family(postmaster))


@contextmanager
def fleet(workers: int) -> Iterator[Fleet]:
    """Run everything but the nodes during the block."""
    with tempfile.TemporaryDirectory(prefix="secbeat-pg-") as directory:
        postgres = Postgres(Path(directory), SYNCED)
        postgres.start()
        url = postgres.make_database(migrate)
        with tempfile.TemporaryDirectory(prefix="secbeat-fleet-") as room:
            first = FleetServer(url, Path(room) / "1", workers)
            servers = (first, FleetServer(url, Path(room) / "2", workers))
            try:
                yield Fleet(postgres, servers)
            finally:
                for each in servers:
                    each.kill()
                postgres.stop("immediate")


def measure(made: Fleet, nodes: int, seconds: float) -> dict[str, Any]:
    """Run all parts of the benchmark."""
    idle, began_s = made.cpu_s(), time.monotonic()
    time.sleep(seconds / 2)
    idle_share = (made.cpu_s()[0] - idle[0]) / (time.monotonic() - began_s)
    beating = part(made, max(1, nodes // 10), seconds, {"heartbeat": 1.0})
    asking = part(made, nodes, seconds, {"poll": EVERY_S["poll"]})
    both = part(made, nodes, seconds, EVERY_S)
    banned = part(made, nodes, 2 * _BAN_S, EVERY_S, ban=True)
    poll_ms = asking["cpu_s"] * 1000 / len(asking["polls_ms"])
    beating_s = beating["cpu_s"] - idle_share * beating["seconds"]
    latencies = sorted(both["polls_ms"] + both["heartbeats_ms"])
    workers = [pid for each in made.servers for pid in each.workers()]
    return {
        "nodes": nodes,
        "requests": dict(both["statuses"]),
        "lost": sum(each["lost"] for each in (asking, beating, both, banned)),
        "p50_ms": round(latencies[len(latencies) // 2], 1),
        "p99_ms": round(latencies[len(latencies) * 99 // 100], 1),
        "worst_ms": round(latencies[-1], 1),
        "poll_cpu_ms": round(poll_ms, 3),
        "heartbeat_cpu_ms": round(beating_s * 1000 / len(beating["heartbeats_ms"]), 3),
        "postgresql_cpu_ms_per_s": round(both["postgresql_s"] * 1000 / both["seconds"], 1),
        "nodes_banned": len(banned["banned_s"]),
        "ban_s": round(max(banned["banned_s"], default=0.0) - banned["ban_at_s"], 2),
        "worker_mb": max(round(pss_mb(pid), 1) for pid in workers),
    }


def part(
    made: Fleet, nodes: int, seconds: float, every_s: dict[str, float], *, ban: bool = False
) -> dict[str, Any]:
    """Run one part; returns the nodes' measurements and the servers' CPU seconds."""
    token = (made.servers[0].directory / "keys" / "enrol.key").read_text().strip()
    settings = {
        "ports": [each.port for each in made.servers],
        "token": token,
        "nodes": nodes,
        "seconds": seconds,
        "every_s": every_s,
    }
    command = [sys.executable, "-m", "bench.fleet.nodes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(json.dumps(settings).encode())
        running.stdin.close()
        json.loads(running.stdout.readline())
        before, began_s = made.cpu_s(), time.monotonic()
        ban_at_s = _ban(made) if ban else 0.0
        measured: dict[str, Any] = json.loads(running.stdout.readline())
        after = made.cpu_s()
    return measured | {
        "seconds": time.monotonic() - began_s,
        "cpu_s": after[0] - before[0],
        "postgresql_s": after[1] - before[1],
        "ban_at_s": ban_at_s,
    }


def _ban(made: Fleet) -> float:
    """Ban an address after the nodes have settled; returns the time of the request."""
    time.sleep(_BAN_S / 2)
    asked_s = time.monotonic()
    status, body, _ = made.servers[0].request("POST", "/blacklist", {"ip": "192.0.2.1"})
    assert status in {200, 201, 202}, body
    return asked_s


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text(encoding="ascii").split()]
    return found


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime, stime: proc(5)


def pss_mb(pid: int) -> float:
    """Proportional set size of a process, in megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
