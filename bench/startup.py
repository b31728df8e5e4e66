"""Time of ``secbeat --help``: CPU time and elapsed time of whole processes.

``python -m bench.startup [-n RUNS] [TREE]``; TREE is another source tree to compare with. Run it as
a user that may write bytecode, or after one run that has written it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 20
COMMAND = (sys.executable, "-m", "appliance.cli.main", "--help")


def run(tree: Path) -> tuple[float, float]:
    """CPU time and elapsed time of one process, in ms."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    started_s = time.perf_counter()
    process = subprocess.Popen(COMMAND, cwd=tree, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(COMMAND)}: exit code {process.returncode}")
    return 1e3 * (used.ru_utime + used.ru_stime), 1e3 * wall_s


def main() -> None:
    """Print minimum and median."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup")
    parser.add_argument("tree", nargs="?", type=Path, default=Path(), metavar="TREE")
    parser.add_argument("-n", dest="runs", type=int, default=RUNS, metavar="RUNS")
    options = parser.parse_args()
    tree = options.tree.absolute()
    run(tree)  # writes bytecode, fills the page cache
    found = [run(tree) for _ in range(max(options.runs, 1))]
    for name, values in zip(("CPU", "wall"), zip(*found, strict=True), strict=True):
        print(f"{name:4} ms: minimum {min(values):.0f}, median {statistics.median(values):.0f}")


if __name__ == "__main__":
    main()
