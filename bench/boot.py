"""Boot times of appliance images: ``python -m bench.boot IMAGE.qcow2 ...`` (root).

Reports the seconds from power on to the client's first page, for the first boot of a disk and for
the boot after a power-off. With several images, they boot in turn; nothing else runs meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.image.support.artifacts import VIRTUAL, accelerator, image
from tests.image.support.expected import SECBEAT_TOML
from tests.image.support.peers import seed
from tests.image.support.peers.taps import Wire
from tests.image.support.run import Run, exit_on_sigterm, new_run
from tests.image.support.vms.vm import BOOT_S, SSH_PORT, VM, Plan


def measure(run: Run, wire: Wire, file: Path, name: str) -> Iterator[tuple[str, float]]:
    """Boot a new disk on this image twice; yields the kind of boot and its seconds."""
    volume = run.directory / f"{name}.iso"
    seed.write_iso(volume, seed.cloud_init_files(name, run.key.public, SECBEAT_TOML))
    plan = Plan(
        file,
        name,
        accelerator=accelerator(),
        seed=volume,
        data_nics=wire.nics,
        guest_ports=(SSH_PORT,),
    )
    with VM(plan, run.directory, run.key, run.name) as machine:
        yield "first", wire.first_page_s(BOOT_S)
        machine.wait_until_up()
        machine.power_off()
        machine.start()
        yield "next", wire.first_page_s(BOOT_S)
        machine.wait_until_up()
        machine.power_off()


def main() -> int:
    """Print the rows as lines of JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.boot")
    parser.add_argument(
        "images", nargs="*", type=Path, metavar="IMAGE", help="build/image's if none"
    )
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    files = [file.resolve(strict=True) for file in options.images] or [image(VIRTUAL)]
    exit_on_sigterm()
    with new_run() as run, Wire(run.peers) as wire:
        for turn in range(options.runs):
            for index, file in enumerate(files):
                for kind, taken_s in measure(run, wire, file, f"boot-{turn}-{index}"):
                    row = {"image": str(file), "boot": kind, "first_page_s": round(taken_s, 1)}
                    print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
