"""A run with a machine that has nothing to boot, until somebody ends it.

``python -m tests.image.support.rehearsal`` prints the run's name when all of it is there.
"""

from __future__ import annotations

import signal

from tests.image.support.peers.outside import outside
from tests.image.support.peers.taps import Wire
from tests.image.support.run import exit_on_sigterm, new_run
from tests.image.support.vms.vm import VM, Plan


def main() -> None:
    """Make everything, say so, and wait."""
    exit_on_sigterm()
    with (
        new_run() as run,
        Wire(run.peers) as wire,
        outside(run.directory / "outside", run.name),
    ):
        disk = run.directory / "empty.raw"
        with disk.open("wb") as file:
            file.truncate(1 << 20)
        plan = Plan(disk, "empty", image_format="raw", data_nics=wire.nics, memory_mib=64)
        with VM(plan, run.directory, run.key, run.name):
            print(run.name, flush=True)
            signal.pause()


if __name__ == "__main__":
    main()
