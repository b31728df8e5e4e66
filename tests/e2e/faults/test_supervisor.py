"""The lab's supervisor, with stand-ins for the node's processes."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.lab.processes.launcher import Specification
from appliance.lab.processes.notify import NotifySocket
from appliance.lab.processes.services import Service, visible
from appliance.lab.processes.supervisor import Supervisor
from appliance.lab.processes.unit import State, Unit
from tests.support.waiting import wait_for

PRELUDE = """
import os, signal, socket, sys, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not below /tmp, which each process has for itself; open to other users."""
    with tempfile.TemporaryDirectory(prefix="secbeat-test-", dir="/run") as name:
        path = Path(name)
        path.chmod(0o755)
        for target in ("tree", "venv"):
            (path / target).mkdir()
        yield path


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made
        made.shut_down()


def unit(directory: Path, script: str, **options: object) -> Unit:
    watchdog_s = options.pop("watchdog_s", None)
    # The tree may lie below /tmp or in a closed home: as the lab's own processes see it.
    python, binds = visible(directory / "tree", directory / "venv")
    service = Service(
        name="stand-in",
        specification=Specification(
            command=(str(python), "-c", PRELUDE + script),
            directory="/",
            parent=os.getpid(),
            binds=binds,
            **options,  # type: ignore[arg-type]
        ),
        watchdog_s=watchdog_s,  # type: ignore[arg-type]
        environment={"PATH": os.environ["PATH"]},
    )
    notify = NotifySocket(directory / "notify.sock", service.user)
    return Unit(service, directory / "log", notify)


def run_until(supervisor: Supervisor, condition: object) -> None:
    """Supervise until the condition holds; the timer only bounds the test."""
    expired = threading.Event()
    timer = threading.Timer(60.0, expired.set)
    timer.start()
    supervisor.run(until=lambda: expired.is_set() or condition())  # type: ignore[operator]
    timer.cancel()
    assert not expired.is_set(), [(one.state, one.log.read_text()) for one in supervisor.units]


def test_a_process_is_ready_when_it_says_so(directory, supervisor):
    one = unit(directory, "say('READY=1'); signal.pause()")
    supervisor.start([one])
    assert one.state is State.STARTING
    run_until(supervisor, lambda: one.state is State.READY)


def test_a_process_that_ends_is_started_again_without_limit(directory, supervisor):
    one = unit(directory, "sys.exit(7)")
    supervisor.start([one])
    run_until(supervisor, lambda: one.restarts >= 6)
    assert one.last_exit == 7


def test_a_silent_process_is_killed_by_its_watchdog(directory, supervisor):
    one = unit(directory, "say('READY=1'); signal.pause()", watchdog_s=0.3)
    supervisor.start([one])
    run_until(supervisor, lambda: one.restarts >= 1)
    assert one.last_exit == -9


def test_a_process_that_speaks_is_left_alone(directory, supervisor):
    script = "say('READY=1')\nfor _ in range(20): say('WATCHDOG=1'); time.sleep(0.1)\nsys.exit(5)"
    one = unit(directory, script, watchdog_s=1.0)
    supervisor.start([one])
    # It ends by itself, or when the machine has stalled it for so long that another one begins.
    run_until(supervisor, lambda: one.last_exit == 5)


def test_what_a_process_has_started_goes_with_it(directory, supervisor):
    child = directory / "child"
    script = f"""
if not os.path.exists({str(child)!r}):
    pid = os.fork()
    if pid == 0: signal.pause()
    open({str(child)!r}, 'w').write(str(pid))
    sys.exit(1)
say('READY=1'); signal.pause()"""
    one = unit(directory, script)
    supervisor.start([one])
    run_until(supervisor, lambda: one.state is State.READY)
    stat = Path(f"/proc/{child.read_text()}/stat")
    wait_for(lambda: not stat.exists() or " Z " in stat.read_text(), "the child is gone")


def test_shut_down_lets_a_process_finish(directory):
    with Supervisor() as supervisor:
        one = unit(
            directory,
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); say('READY=1'); signal.pause()",
        )
        supervisor.start([one])
        run_until(supervisor, lambda: one.state is State.READY)
        supervisor.shut_down()
    assert (one.state, one.last_exit) == (State.STOPPED, 0)


def test_a_process_runs_as_its_user_with_its_capabilities_alone(directory, supervisor):
    script = "print(open('/proc/self/status').read(), flush=True); say('READY=1'); signal.pause()"
    one = unit(
        directory,
        script,
        user="secbeat-dp",
        groups=("secbeat-dp", "secbeat"),
        capabilities=("net_raw",),
    )
    supervisor.start([one])
    run_until(supervisor, lambda: one.log.exists() and "NoNewPrivs" in one.log.read_text())
    status = dict(line.split(":", 1) for line in one.log.read_text().splitlines() if ":" in line)
    net_raw = f"{1 << 13:016x}"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[name].strip() == net_raw, name
    assert status["NoNewPrivs"].strip() == "1"
    assert "0" not in status["Uid"].split()
