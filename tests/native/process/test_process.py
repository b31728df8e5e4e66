"""The data plane process as a whole, over DPDK's null ports: traffic that never ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dataplane.base.clock import SystemClock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.client import Observer, PacketQuestion, control, observe
from dataplane.run.workers.watchdog import STALL_MS
from dataplane.shared.stats import NodeStats
from dataplane.statelog import Put, StateLogWriter
from tests.support.values.captures import inbound, write_frames

pytestmark = pytest.mark.skipif(
    "sanitize" in os.environ.get("SECBEAT_LIBRARY", ""), reason="the library part without DPDK"
)

MEMORY_BYTES_MAX = 128_000_000
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207  # linux/ptrace.h
WALL = 0x40000000  # linux/wait.h


def await_stats(observer: Observer, condition: Callable[[NodeStats], bool]) -> NodeStats:
    end = time.monotonic() + 60
    while not condition(stats := observer.stats()):
        assert time.monotonic() < end, stats
        time.sleep(0.01)
    return stats


class Node:
    """One data plane process."""

    def __init__(self, directory: Path, **changes: object) -> None:
        self.socket = directory / "dataplane.sock"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(directory / "notify"))
        self.manager.settimeout(60)
        self.log = (directory / "log").open("w+", encoding="utf-8")
        state_log = directory / "state"
        state_log.mkdir(exist_ok=True)
        settings = {
            "outside": "net_null0",
            "inside": "net_null1",
            "state_log": str(state_log),
            "socket": str(self.socket),
            "hugepages": "off",
        }
        environment = os.environ | {
            "NOTIFY_SOCKET": str(directory / "notify"),
            "WATCHDOG_USEC": "200000",
        }
        environment.pop("WATCHDOG_PID", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.servers.dataplane_child"],
            stdin=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(settings | changes).encode())
        self.process.stdin.close()

    def await_message(self, message: bytes) -> None:
        """Bounded by the socket's timeout, and by the end of the process."""
        while self.manager.recv(64) != message:
            assert self.process.poll() is None, self.events()

    def await_stats(self, condition: Callable[[NodeStats], bool]) -> NodeStats:
        with observe(self.socket, timeout_s=60) as observer:
            return await_stats(observer, condition)

    def wait(self) -> int:
        return self.process.wait(timeout=60)

    def events(self) -> list[dict[str, Any]]:
        self.log.seek(0)
        return [json.loads(line) for line in self.log if line.startswith("{")]

    def worker_thread(self) -> int:
        """Thread id of the only worker; EAL names it."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text(encoding="ascii").strip()
            if name in {"lcore-worker-1", "rte-worker-1", "dpdk-worker1"}:
                return int(task.name)
        raise AssertionError("no worker thread")

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(timeout=60)
        self.manager.close()
        self.log.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def begin(**changes: object) -> Node:
        nodes.append(Node(tmp_path, **changes))
        return nodes[-1]

    yield begin
    for node in nodes:
        node.close()


def test_it_forwards_and_says_so(start: Callable[..., Node]) -> None:
    node = start()
    node.await_message(b"READY=1")

    stats = node.await_stats(lambda stats: stats.ports["inside"].forwarded > 0)

    assert stats.state == "running"
    assert stats.degraded == ()
    assert stats.ports["outside"].link_up
    assert not stats.hugepages


def test_what_a_driver_can_do_about_its_link_is_tried_and_said(start: Callable[..., Node]) -> None:
    node = start(inside="net_ring0", link_hold_ms=0)
    node.await_message(b"READY=1")

    stats = node.await_stats(lambda stats: stats.degraded != ())

    assert stats.degraded == ("link_hold",)
    ports = stats.links.ports
    assert (ports["outside"].can_be_held, ports["inside"].can_be_held) == (False, True)
    assert ports["inside"].is_up
    assert not ports["inside"].is_held


def test_sigterm_drains_and_exits_with_zero_while_traffic_runs(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    node = start()
    node.await_message(b"READY=1")
    node.await_stats(lambda stats: stats.ports["outside"].forwarded > 0)

    node.process.terminate()

    assert node.wait() == 0
    assert [event["event"] for event in node.events()][-3:] == ["draining", "drained", "stopped"]
    with pytest.raises(DataplaneAwayError):
        observe(node.socket)
    assert not node.socket.exists()
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "log",
        "notify",
        "state",
        "syn-cookie-secret",
    }


def test_two_lcores_drain_as_one_does(start: Callable[..., Node]) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two workers want two CPUs")
    node = start(lcores=2)
    node.await_message(b"READY=1")
    node.await_stats(lambda stats: all(lcore.busy_cycles > 0 for lcore in stats.lcores))

    node.process.terminate()

    assert node.wait() == 0


def test_the_service_manager_hears_from_it_while_workers_turn(start: Callable[..., Node]) -> None:
    node = start()

    for message in (b"READY=1", b"STATUS=forwarding", b"WATCHDOG=1", b"WATCHDOG=1"):
        node.await_message(message)
    node.process.terminate()
    node.await_message(b"STOPPING=1")

    assert node.wait() == 0


def test_a_worker_that_stops_polling_ends_the_process(start: Callable[..., Node]) -> None:
    node = start()
    node.await_message(b"READY=1")
    node.await_stats(lambda stats: stats.ports["outside"].forwarded > 0)
    stopped = time.monotonic()

    thread = node.worker_thread()
    _freeze(thread)
    _reap(thread)

    assert node.wait() == 70
    assert time.monotonic() - stopped > STALL_MS / 1000
    assert node.events()[-1]["event"] == "worker stalled"
    assert node.events()[-1]["lcore"] == 0


def test_a_process_stopped_as_a_whole_goes_on_afterwards(start: Callable[..., Node]) -> None:
    node = start()
    node.await_message(b"READY=1")
    with observe(node.socket, timeout_s=60) as observer:
        os.kill(node.process.pid, signal.SIGSTOP)
        stopped = await_stats(observer, lambda it: it.heartbeat_age_s > STALL_MS / 1000 + 0.5)
        os.kill(node.process.pid, signal.SIGCONT)
        seen = stopped.ports["outside"].forwarded
        await_stats(observer, lambda it: it.ports["outside"].forwarded > seen)
    node.process.terminate()

    assert node.wait() == 0


def test_a_ban_in_the_state_log_is_in_force_from_the_first_packet(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    frames = [inbound(f"198.18.0.{1 + mark % 2}") for mark in range(100)]
    received = write_frames(tmp_path / "rx.pcap", frames)
    database_id = uuid4()
    writer = StateLogWriter(tmp_path / "state", SystemClock())
    writer.open(database_id)
    writer.snapshot(database_id, 7, [Put("blacklist", Network.parse("198.18.0.1"), None)], None)

    node = start(outside=f"net_pcap0,rx_pcap={received},tx_pcap={tmp_path}/tx.pcap")
    node.await_message(b"READY=1")
    stats = node.await_stats(lambda stats: stats.ports["outside"].received == 100)

    assert stats.in_force(database_id, 7)
    assert stats.ports["outside"].dropped == {"blacklist": 50}


def test_a_revision_is_in_force_when_it_says_so(start: Callable[..., Node], tmp_path: Path) -> None:
    database_id = uuid4()
    node = start()
    writer = StateLogWriter(tmp_path / "state", SystemClock())
    writer.open(database_id)
    writer.snapshot(database_id, 1, [], None)
    node.await_message(b"READY=1")

    ban = Put("blacklist", Network.parse("198.18.0.1"), None)
    writer.append(2, [ban])
    with control(node.socket, timeout_s=60) as client:
        client.doorbell(2)
        assert client.wait_in_force(database_id, 2, timeout_s=60)
        key = (ban.list, ban.network)
        assert client.explain([key], timeout_s=60)[key].found
        source, to = ban.network.key, Network.parse("203.0.113.1").key
        banned = client.explain_packet(PacketQuestion(source, 6, 443, to), timeout_s=60)
        other = client.explain_packet(PacketQuestion(to, 6, 443, source), timeout_s=60)
    assert banned is not None
    assert other is not None
    assert (banned.reason, banned.connections) == ("blacklist", None)
    assert (other.verdict, other.connections) == ("forwarded", 0)


def test_memory_stays_within_the_figure_that_is_promised(start: Callable[..., Node]) -> None:
    node = start()
    node.await_message(b"READY=1")

    stats = node.await_stats(lambda stats: stats.memory_bytes > 0)

    assert stats.capacities.addresses_max == 1_000_000
    assert stats.memory_bytes < MEMORY_BYTES_MAX


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inside": "net_null0"}, "the same device"),
        ({"inside": "net_nonsense0"}, "DPDK does not start"),
        ({"lcores": 4096}, "lcores: 4096"),
    ],
)
def test_what_can_not_start_says_why(
    start: Callable[..., Node], changes: dict[str, object], message: str
) -> None:
    node = start(**changes)

    assert node.wait() not in {0, 1, -signal.SIGSEGV}
    node.log.seek(0)
    assert message in node.log.read()


def _freeze(thread: int) -> None:
    """Stop one thread as a debugger does; every other goes on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())


def _reap(thread: int) -> None:
    """Wait for the end of a frozen thread: until its tracer has, its process can't be reaped."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found, status = os.waitpid(thread, WALL | os.WNOHANG)
        if found and not os.WIFSTOPPED(status):
            return
        time.sleep(0.01)
    raise AssertionError("the frozen thread lives on")
