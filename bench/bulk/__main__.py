"""Import, list and flush a long list with the command line: ``python -m bench.bulk`` (root).

Reports the processor time of the command and of the API with its child processes, and the elapsed
time, which also depends on other load. With ``--before TREE`` another source tree runs the same
steps, alternating with this one. Its libraries must be built, and its command must have the steps.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from bench.bulk.lab import Cost, Lab, running

TREE = Path(__file__).resolve().parents[2]
ENTRIES = 1_000_000
_IPV6_SHARE = 10
STEPS = {
    "import": ("blacklist", "import", "{file}", "--reason", "bench", "--wait"),
    "list": ("blacklist", "list", "--all"),
    "flush": ("blacklist", "flush", "--reason", "bench", "--yes", "--wait"),
}


def write_lines(file: Path, count: int) -> None:
    """Write unordered addresses, one of ten IPv6, none of them used by the lab."""
    rng = random.Random(1)
    ipv6 = count // _IPV6_SHARE
    lines = [str(IPv4Address(n)) for n in rng.sample(range(16 << 24, 96 << 24), count - ipv6)]
    lines += [str(IPv6Address(0x2A00 << 112 | n)) for n in rng.sample(range(1 << 40), ipv6)]
    rng.shuffle(lines)
    file.write_text("\n".join(lines) + "\n")


def measure(lab: Lab, file: Path, steps: list[str]) -> Iterator[tuple[str, Cost]]:
    """Run the steps one after the other; yields each step with its cost."""
    for step in steps:
        arguments = [each.format(file=file) for each in STEPS[step]]
        if "--wait" in arguments:
            arguments += ["--timeout", "300"]
        yield step, lab.secbeat(*arguments)


def main() -> int:
    """Print the rows as lines of JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.bulk")
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--before", type=Path, help="another tree, to compare with")
    parser.add_argument("--steps", nargs="+", choices=tuple(STEPS), default=list(STEPS))
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    trees = [TREE] if options.before is None else [options.before.resolve(), TREE]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.txt"
        write_lines(file, options.entries)
        for tree in trees * options.runs:
            with running(tree, "bench-bulk") as lab:
                for step, cost in measure(lab, file, options.steps):
                    row = {"tree": str(tree), "step": step, "entries": options.entries}
                    times = {name: round(value, 2) for name, value in vars(cost).items()}
                    print(json.dumps({**row, **times}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
