"""However a run ends, nothing of it stays: no machine, no namespace, no tap, no disk.

The machine is real and has an empty disk, so none of this waits for a boot.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.lab import cleanup, network
from appliance.lab.instance import Instance
from tests.image.support.peers.taps import Wire
from tests.image.support.run import PREFIX, Run, directory_of, sweep
from tests.image.support.vms.vm import VM, Plan
from tests.support.instances.lab import TREE
from tests.support.instances.lab import run as command
from tests.support.waiting import wait_for

END_S = 60


class Rehearsal:
    """Another run, in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.image.support.rehearsal"],
            cwd=TREE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.instance = Instance(self.process.stdout.readline().strip())
        wait_for(lambda: machines(self.instance), "its machine is there", END_S)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(END_S)


@contextmanager
def another_run() -> Iterator[Rehearsal]:
    other = Rehearsal()
    try:
        yield other
    finally:
        other.end(signal.SIGKILL)
        sweep()


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    with another_run() as other:
        yield other


def machines(instance: Instance) -> list[int]:
    """Pids of its QEMUs."""
    pids = cleanup.processes(instance)
    return [pid for pid in pids if "qemu" in Path(f"/proc/{pid}/comm").read_text()]


def what_is_there(instance: Instance) -> list[str]:
    """Everything that can be left."""
    taps = [line.split(":")[0] for line in command("ip", "tuntap", "show").stdout.splitlines()]
    own = f"sbt{instance.name.removeprefix(PREFIX)}"
    places = (instance.directory, directory_of(instance))
    return [
        *(f"process {pid}" for pid in cleanup.processes(instance)),
        *(f"namespace {name}" for name in network.existing(instance.namespaces)),
        *(f"tap {name}" for name in taps if name.startswith(own)),
        *(str(path) for path in places if path.exists()),
    ]


def test_a_run_that_is_terminated_removes_everything(rehearsal: Rehearsal):
    assert len(network.existing(rehearsal.instance.namespaces)) == 2
    rehearsal.end(signal.SIGTERM)
    assert what_is_there(rehearsal.instance) == []


def test_a_run_that_is_killed_takes_its_machine_along_and_the_next_run_removes_the_rest(
    rehearsal: Rehearsal,
):
    rehearsal.end(signal.SIGKILL)
    wait_for(lambda: not machines(rehearsal.instance), "the machine has gone with its run", 10)
    assert what_is_there(rehearsal.instance)
    with another_run():
        assert what_is_there(rehearsal.instance) == []


def test_a_run_that_lives_is_left_alone_by_another(rehearsal: Rehearsal):
    before = what_is_there(rehearsal.instance)
    sweep()
    assert what_is_there(rehearsal.instance) == before


def test_a_machine_that_can_not_be_made_leaves_nothing(run: Run, wire: Wire):
    before = sorted(path.name for path in run.directory.iterdir())
    plan = Plan(run.directory / "not-there.qcow2", "none", data_nics=wire.nics)
    with pytest.raises(Exception, match="not-there"), VM(plan, run.directory, run.key, run.name):
        pass
    assert sorted(path.name for path in run.directory.iterdir()) == before


def test_a_machine_that_ends_by_itself_is_told_with_its_last_words(run: Run):
    disk = run.directory / "empty.raw"
    disk.touch()
    os.truncate(disk, 1 << 20)
    plan = Plan(disk, "broken", image_format="raw", memory_mib=1 << 30)
    with (
        VM(plan, run.directory, run.key, run.name) as machine,
        pytest.raises(AssertionError, match="QEMU of broken has ended"),
    ):
        machine.wait_until_up()
