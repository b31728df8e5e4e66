"""One run of the image tests: its name, its directory for disks, and that nothing of it stays.

The name holds the run's pid. What a run that was killed has left behind, the next one removes.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from appliance.image.system.command import Commands
from appliance.lab import cleanup
from appliance.lab.claim import claim_new, try_claim
from appliance.lab.instance import LABS, Instance
from tests.image.support.vms.ssh import KeyPair
from tests.support.instances.lab import Lab

TEMPORARY = Path("/var/tmp")  # noqa: S108 - disks of gigabytes: not on a tmpfs
PREFIX = "image-"


@dataclass(frozen=True)
class Run:
    """What every machine and every disk of the run is given."""

    peers: Lab
    """Holds the names of the two namespaces; the lab itself is never started."""
    directory: Path
    """For disks, seeds and sockets; removed at the end."""
    key: KeyPair

    @property
    def commands(self) -> Commands:
        """For tools that may take their time; what they print goes to a log."""
        return Commands(self.directory / "commands.log")

    @property
    def name(self) -> str:
        """By this the run's processes are recognised."""
        return self.peers.instance.name


@contextmanager
def new_run() -> Iterator[Run]:
    """Clean what dead runs left, then make a run; leaving it removes everything of it."""
    sweep()
    with ExitStack() as stack:
        peers = Lab(f"{PREFIX}{os.getpid()}")
        claim = claim_new(peers.instance)
        stack.callback(claim.release)
        stack.callback(cleanup.clean, peers.instance)
        directory = directory_of(peers.instance)
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        yield Run(peers, directory, KeyPair.make(directory))


def sweep() -> None:
    """Remove what runs that are no more have left: processes, namespaces, directories."""
    for instance in leftovers():
        cleanup.clean(instance)
        shutil.rmtree(directory_of(instance), ignore_errors=True)


def leftovers() -> list[Instance]:
    """Runs that ended without cleaning up."""
    names = {path.name for path in LABS.glob(f"{PREFIX}*")}
    names |= {path.name.removeprefix("secbeat-") for path in _directories()}
    names = {name for name in names if re.fullmatch(rf"{PREFIX}\d+", name)}
    return [instance for name in sorted(names) if not _runs(instance := Instance(name))]


def directory_of(instance: Instance) -> Path:
    """Where a run keeps its disks."""
    return TEMPORARY / f"secbeat-{instance.name}"


def exit_on_sigterm() -> None:
    """Let SIGTERM unwind like Ctrl-C, so that everything is cleaned up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise KeyboardInterrupt("SIGTERM")

    signal.signal(signal.SIGTERM, leave)


def _directories() -> Iterator[Path]:
    return TEMPORARY.glob(f"secbeat-{PREFIX}*")


def _runs(instance: Instance) -> bool:
    """Whether its run lives: it holds the claim from before its first file to after its last."""
    with suppress(FileNotFoundError):
        claim = try_claim(instance)
        if claim is None:
            return True
        claim.release()
    return False
