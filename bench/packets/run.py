"""Cycles per packet of each stage, the whole chain and the worker, compared with testpmd.

``python -m bench [--json FILE] [--only TEXT] [--no-node]``. Cycles are those of the time stamp
counter, without receiving and transmitting. The result also names the machine, the instruction set
and the sizes, without which the figures have no meaning. Then follow the figures of a whole node:
the delay of a ban, and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.packets import apply, ban, memory, node, testpmd
from bench.packets.chain import BURSTS, CASES, REPETITIONS, ROOT, ROUNDS, Case, Chain, Depth, ticks
from bench.packets.inputs import countries, policy, traffic

TARGETS = {(4, 1 << 16): 75, (4, 1 << 20): 115, (6, 1 << 16): 150}
"""Wanted cycles per packet down to the stage limits, by family and number of sources; misses."""
ESTABLISHED_TARGETS = {(4, 1 << 16): 130, (4, 1 << 20): 175}
"""The same for the whole chain, with an established connection for every source."""
ANSWER_TARGETS = {(4, 1 << 16): 130}
"""The same for a SYN that is answered."""
_WIDTH = 200
_TARGETS = {"to_limits": TARGETS, "whole": ESTABLISHED_TARGETS, "answered": ANSWER_TARGETS}
STAGES = tuple(depth for depth in Depth if Depth.RECEIVE < depth < Depth.WHOLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Cycles per packet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains it")
    parser.add_argument("--no-node", action="store_true", help="no ban latency, no memory")
    options = parser.parse_args(arguments)
    result = {
        "machine": machine(),
        "testpmd_io": baseline(),
        "chain": [measure(case) for case in CASES if options.only in case.name],
        "worker": [worker(version) for version in (4, 6)],
        "apply": child("bench.packets.apply"),
        "node": {} if options.no_node else node_figures(),
    }
    show(result, Console(width=_WIDTH))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def machine() -> dict[str, Any]:
    """The machine and the settings of the figures."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    lines = [line.partition(":") for line in info.splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in lines}
    return {
        "processor": fields.get("model name", platform.processor()),
        "cpus": os.cpu_count(),
        "cache_per_core": fields.get("cache size"),
        "tsc_hz": round(tsc_hz()),
        "isa_built": "x86-64-v2",
        "isa_there": [
            flag for flag in ("avx2", "avx512f", "avx512vl") if flag in fields.get("flags", "")
        ],
        "load_average": os.getloadavg()[0],
        "singles": traffic.SINGLES,
        "prefixes": traffic.PREFIXES,
        "prefixes_spread": "IPv4 /20 to /24 anywhere; IPv6 /32 to /64 within 64 /20",
        "profiles": policy.PROFILES,
        "country_prefixes": countries.PREFIXES,
        "burst": 32,
        "packets_per_repetition": BURSTS * 32,
        "repetitions": ROUNDS * REPETITIONS,
    }


def tsc_hz() -> float:
    """Measure the frequency of the time stamp counter."""
    ticks()  # builds the library
    first_ns, first = time.monotonic_ns(), ticks()
    time.sleep(0.2)
    return (ticks() - first) / (time.monotonic_ns() - first_ns) * 1e9


def baseline() -> dict[str, Any]:
    """Cycles per packet of testpmd on rings, which add no other cost, and on the null port, which
    allocates."""
    rates = {vdev: testpmd.packets_per_second(f"{vdev}0") for vdev in ("net_ring", "net_null")}
    hz = tsc_hz()
    return {vdev: None if rate is None else round(hz / rate, 1) for vdev, rate in rates.items()}


def measure(case: Case) -> dict[str, Any]:
    """Measure one case of the chain, as differences between depths."""
    with Chain(case) as chain:
        least, median = chain.cycles_per_packet()
        dropped = chain.dropped_share()
        answered = None if case.hit else chain.answered()

    def over_receive(depth: Depth) -> dict[str, float]:
        return {
            "least": round(least[depth] - least[Depth.RECEIVE], 1),
            "median": round(median[depth] - median[Depth.RECEIVE], 1),
        }

    return {
        "case": case.name,
        "ip_version": case.version,
        "sources": case.source_count,
        "hit": case.hit,
        "stages": {
            depth.name.lower(): round(least[depth] - least[Depth(depth - 1)], 1) for depth in STAGES
        },
        "receive": round(least[Depth.RECEIVE], 1),
        "parse_to_lists": over_receive(Depth.LISTS),
        "to_limits": over_receive(Depth.LIMITS),
        "whole": over_receive(Depth.WHOLE),
        "answered": None if answered is None else [round(one, 1) for one in answered],
        "everything": over_receive(Depth.EVERYTHING),
        "targets": {
            name: None if case.hit else targets.get((case.version, case.source_count))
            for name, targets in _TARGETS.items()
        },
        "dropped_share": round(dropped, 4),
    }


def node_figures() -> dict[str, Any]:
    """Ban latency and memory of a whole node; the error if it can't run."""
    if os.geteuid() != 0:
        return {"error": "a lab needs root"}
    try:
        with node.running() as lab:
            empty = memory.of_node(lab)
            latency = ban.measure(lab)
            memory.fill(lab)
            return {"ban": latency, "memory": memory.report(empty, memory.of_node(lab))}
    except (AssertionError, RuntimeError, TimeoutError, OSError) as exc:
        return {"error": str(exc)}


def worker(version: int) -> dict[str, Any]:
    """The worker on ring ports."""
    return {"ip_version": version, **child("bench.packets.worker_child", str(version))}


def child(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON on the last line of a module that runs in its own process; the error if it can't
    run."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if process.returncode != 0:
        return {"error": process.stderr.strip().splitlines()[-1:]}
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def show(result: dict[str, Any], console: Console) -> None:
    """Print the results as tables."""
    about = result["machine"]
    console.print(
        f"{about['processor']}, TSC {about['tsc_hz'] / 1e9:.2f} GHz, built for "
        f"{about['isa_built']}; lists: {about['singles']:,} addresses, {about['prefixes']:,} "
        f"prefixes; {about['country_prefixes']:,} country prefixes; policy: "
        f"{about['profiles']:,} profiles, a country and a limit of sources; everything: also "
        f"limits of prefixes and profile, fragments, ports and reflectors; "
        f"load {about['load_average']:.1f}"
    )
    table = Table("cycles per packet", *[depth.name.lower() for depth in STAGES])
    for heading in ("parse to lists", "to limits", "whole, established", "SYN answered"):
        table.add_column(f"{heading} (median; wanted)", justify="right")
    table.add_column("everything (median)", justify="right")
    for row in result["chain"]:
        figures = [f"{row['stages'][depth.name.lower()]:.1f}" for depth in STAGES]
        wide = [_figure(row, name) for name in ("parse_to_lists", "to_limits", "whole", "answered")]
        table.add_row(row["case"], *figures, *wide, _figure(row, "everything"))
    console.print(table)
    beside = Table("rx + tx of the same run", "cycles per packet", "over testpmd io")
    ring = result["testpmd_io"]["net_ring"]
    for vdev, cycles in result["testpmd_io"].items():
        beside.add_row(f"testpmd io, {vdev}", "no testpmd" if cycles is None else f"{cycles:.1f}")
    for row in result["worker"]:
        name = f"worker, net_ring, IPv{row['ip_version']}, {row.get('sources', 0)} sources"
        if "error" in row:
            beside.add_row(name, " ".join(row["error"]))
            continue
        cycles = row["cycles_per_packet"]
        beside.add_row(name, f"{cycles:.1f}", "" if ring is None else f"+{cycles - ring:.1f}")
    console.print(beside)
    applied = result["apply"]
    print("\n".join([str(applied["error"])] if "error" in applied else apply.lines(applied)))
    whole_node = result["node"]
    if "error" in whole_node:
        console.print(f"no ban latency, no memory: {whole_node['error']}")
    elif whole_node:
        print("\n".join([*ban.lines(whole_node["ban"]), *memory.lines(whole_node["memory"])]))


def _figure(row: dict[str, Any], name: str) -> str:
    found, target = row[name], row["targets"].get(name)
    if found is None:
        return ""
    least, median = found if isinstance(found, list) else (found["least"], found["median"])
    return f"{least:.1f} ({median:.1f}{'' if target is None else f'; {target}'})"


if __name__ == "__main__":
    sys.exit(main())
