"""Every process is killed again and again while changes are made: what was acknowledged stays."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clients.writer import Writer
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import background
from tests.support.waiting import wait_for

ROUNDS = 2
ORIGIN = "198.19.0.1"
PATIENT = Path(__file__).parents[2] / "support" / "clients" / "patient_client.py"


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab that may be hurt."""
    made = Lab("e2e-crash")
    made.down()
    made.up()
    yield made
    made.down()


def test_no_acknowledged_change_is_lost_and_none_is_applied_twice(own: Lab):
    writer = Writer(own.api, own.make_key("crash"))
    writer.start()
    for process in ("dataplane", "api", "agent") * ROUNDS:
        own.kill(process, signal.SIGKILL)
    writer.finish()
    assert not writer.unexpected
    assert writer.acknowledged
    print(f"{len(writer.acknowledged)} changes acknowledged during {3 * ROUNDS} kills")
    reader = own.make_key("crash-reader")
    for address in writer.acknowledged:
        entry = wait_for(lambda a=address: _in_force(own, reader, a), f"{address} is in force")
        assert entry["ip"] == address
    audit = own.api("GET", "/audit", params={"limit": 1000}).json()["audit"]
    targets = [row["target"] for row in audit if "203.0.113." in str(row["target"])]
    assert sorted(targets) == sorted(set(targets))


def test_traffic_flows_while_the_control_side_is_away(own: Lab):
    for process in ("api", "agent"):
        before = own.process(process)
        os.kill(before["pid"], signal.SIGKILL)
        assert own.curl("http://198.19.0.1/").returncode == 0
        wait_for(
            lambda p=process, b=before: (
                own.process(p)["restarts"] > b["restarts"] and own.process(p)["state"] == "ready"
            ),
            f"{process} is back",
        )


def test_a_terminated_data_plane_drains_and_exits_with_0(own: Lab):
    own.kill("dataplane", signal.SIGTERM)
    assert own.process("dataplane")["last_exit"] == 0
    wait_for(lambda: own.curl("http://198.19.0.1/", timeout_s=1).returncode == 0, "traffic flows")


@contextmanager
def patient(lab: Lab) -> Iterator[Callable[[], str]]:
    """A client with a page, and a connection over which it will ask for another one."""
    command = (*lab.enter("client"), sys.executable, str(PATIENT), ORIGIN)
    with background(*command, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def ask() -> str:
            return process.communicate("\n", timeout=90)[0].strip()

        yield ask


def test_a_connection_outlives_the_data_plane_unless_it_is_translated(own: Lab):
    def proxy(syn: str) -> None:
        own.change("PUT", "/policy", json={"name": syn, "syn": syn})

    proxy("off")
    own.curl(f"http://{ORIGIN}/")  # its SYN says what the origin can
    with patient(own) as untranslated:
        proxy("always")
        before = own.quiet_stats().connections.accepted
        with patient(own) as translated:
            assert own.quiet_stats().connections.accepted == before + 1
            own.kill("dataplane", signal.SIGKILL)
            assert untranslated() == "again"
            assert translated() != "again"
    proxy("off")


def test_a_worker_that_stops_polling_is_noticed(own: Lab):
    before = own.process("dataplane")
    stop_thread_until_killed(_worker(before["pid"]))
    wait_for(lambda: own.process("dataplane")["restarts"] > before["restarts"], "the exit")
    wait_for(lambda: own.process("dataplane")["state"] == "ready", "the data plane is back")
    assert own.process("dataplane")["last_exit"] == 70
    wait_for(lambda: own.curl("http://198.19.0.1/", timeout_s=1).returncode == 0, "traffic flows")
    assert_ledgers(own.quiet_stats())


def _in_force(lab: Lab, key: str, address: str) -> dict[str, object] | None:
    answer = lab.api("GET", f"/blacklist/{address}", key)
    assert answer.status_code == 200, f"{address} was acknowledged: {answer.text}"
    entry: dict[str, object] = answer.json()
    return entry if entry["state"] == "in_force" else None


def _worker(pid: int) -> int:
    """Thread id of the (first) worker lcore."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if "worker" in (task / "comm").read_text():
            return int(task.name)
    raise AssertionError(f"no worker thread among those of process {pid}")


def stop_thread_until_killed(thread_id: int) -> None:
    """Stop one thread as a debugger does (a signal would stop them all), until its process ends."""
    attach, wait_for_all_kinds = 16, 0x40000000  # sys/ptrace.h, linux/wait.h
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    ptrace.restype = ctypes.c_long
    assert ptrace(attach, thread_id, None, None) == 0, os.strerror(ctypes.get_errno())

    def killed() -> bool:
        # Whoever has stopped a thread must also take its end, or the process stays a zombie.
        pid, status = os.waitpid(thread_id, os.WNOHANG | wait_for_all_kinds)
        return pid == thread_id and not os.WIFSTOPPED(status)

    wait_for(killed, f"thread {thread_id} is killed")
