"""A run that is killed leaves nothing that the next one does not remove."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from appliance.lab.network import NETNS
from tests.fleet.support.host import hierarchies
from tests.fleet.support.run import sweep
from tests.fleet.support.tree import TREE
from tests.support.waiting import wait_for

_RUN = """
import signal
from tests.fleet.support.run import new_run
with new_run() as made:
    made.boot("host-1")
    print("up", flush=True)
    signal.pause()
"""


def left(pid: int) -> list[str]:
    """What bears the name of a run: namespaces, files, control groups, mounts, processes."""
    name = f"fleet-{pid}"
    places = [NETNS, Path("/var/tmp"), Path("/run/secbeat-lab"), *hierarchies()]  # noqa: S108
    found = [str(path) for place in places if place.exists() for path in place.glob(f"*{name}*")]
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if name in mounts.read_text():
                found.append(str(mounts))
        except OSError:  # it has just ended
            continue
    return found


def test_a_run_that_was_killed_leaves_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN], cwd=TREE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "up\n"
        assert left(killed.pid) != []
        killed.send_signal(signal.SIGKILL)
    wait_for(lambda: not [p for p in left(killed.pid) if "mountinfo" in p], "its processes end")
    sweep()
    assert left(killed.pid) == []
