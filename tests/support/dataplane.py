"""A data plane without ports, EAL and root: the real control plane over the real tables.

`PortlessDataplane` runs in the test's own process and is driven by `turn`; `spawn` runs one in a
process of its own, as API tests want it::

    with spawn(tmp_path / "dataplane.sock", tmp_path / "state") as process:
        with client.control(tmp_path / "dataplane.sock") as control: ...

The library is `$SECBEAT_LIBRARY`, else the DPDK-free build if there is one, else libsecbeat.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from dataplane import abi
from dataplane.clock import Clock, SystemClock
from dataplane.control import ControlServer
from dataplane.leases import EventRings
from dataplane.library import ENVIRONMENT_VARIABLE, load
from dataplane.profile_names import ProfileNames
from dataplane.profiles import Profiles
from dataplane.protocol import Command, Doorbell, Drain, Explain, Explanation
from dataplane.published import StatsPublisher
from dataplane.reconcile import Reconciler
from dataplane.settings import DataplaneSettings, PortSettings
from dataplane.shm import SharedStats
from dataplane.statelog import StateLogReader
from dataplane.tables import Lists, random_hash_key
from dataplane.workers import Workers

ROOT = Path(__file__).resolve().parents[2]
_START_S_MAX = 30


def library() -> ctypes.CDLL:
    """The DPDK-free build if there is one."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    named = ENVIRONMENT_VARIABLE in os.environ
    return load(pipeline if pipeline.exists() and not named else None)


def settings(socket: Path, state_log: Path, **changes: Any) -> DataplaneSettings:
    """Settings for a data plane without ports; clients are this user's own unless named."""
    port = PortSettings("none")
    return DataplaneSettings(
        port, port, state_log, socket, **{"client_users": (), "addresses_max": 100_000, **changes}
    )


class PortlessDataplane:
    """Control server, reconciler and tables in this process; `turn` is one turn of the loop."""

    def __init__(self, settings: DataplaneSettings, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.draining = False
        self.library = library()
        self.consumers = dict.fromkeys(range(settings.lcores), 0)
        """Addresses that a worker would find in its ``events_consumer``."""
        self.quiescent: tuple[int, ...] = ()
        self.stats = SharedStats(self.clock, settings.lcores)
        self.events = EventRings(
            self.library, settings.lcores, self.consumers.__setitem__, lambda: self.quiescent
        )
        self.lists = Lists(
            self.library,
            settings.addresses_max,
            settings.prefixes_max,
            settings.lcores,
            random_hash_key(),
        )
        self.profiles = Profiles(
            self.library, cast(Workers, _NoWorkers()), ProfileNames(self.stats.header, [])
        )
        self.control = ControlServer(
            settings, self.stats, self.events, self.library, self.clock, self._on_command
        )
        publisher = StatsPublisher(self.stats, self.control.notice)
        self.reconciler = Reconciler(
            StateLogReader(settings.state_log), self.lists, self.profiles, publisher, self.clock
        )

    def start(self) -> None:
        """Load the state."""
        self.reconciler.start(self.control.turn)
        self.stats.header.state = abi.State.RUNNING
        self.turn()

    def turn(self, budget_ms: float = 2.0) -> None:
        """One turn of the control loop."""
        self.control.turn()
        self.reconciler.turn(budget_ms)
        self.control.answer()
        self.lists.expire(self.clock.boot_ms() // 100, 1024)
        self.stats.header.heartbeat_boot_ms = self.clock.boot_ms()

    def close(self) -> None:
        """Idempotent."""
        self.reconciler.close()
        self.control.close()
        self.events.close()
        self.profiles.close()
        self.lists.close()
        self.stats.close()

    def __enter__(self) -> PortlessDataplane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_command(self, command: Command) -> Explanation | None:
        match command:
            case Doorbell():
                self.reconciler.doorbell()
            case Drain():
                self.draining = True
            case Explain(network=network, kind=kind):
                entry = self.lists.get(network.key, network.prefix_length, kind)
                return Explanation(entry.hits if entry else 0, entry is not None)
        return None


class _NoWorkers:
    """What `Profiles` asks of workers, where there are none."""

    lcore_count = 1

    def __init__(self) -> None:
        self.node = abi.Node()

    def quiescent(self) -> tuple[int, ...]:
        return ()


@contextlib.contextmanager
def turning(dataplane: PortlessDataplane) -> Iterator[PortlessDataplane]:
    """Start it, and turn it in a thread of its own as long as the block lasts."""
    dataplane.start()
    stop = threading.Event()
    failures: list[Exception] = []

    def turn() -> None:
        try:
            while not stop.wait(0.0005):
                dataplane.turn()
        except Exception as exc:  # raised again below
            failures.append(exc)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield dataplane
    finally:
        stop.set()
        thread.join()
        if failures:
            raise failures[0]


Start = Callable[..., subprocess.Popen[Any]]
"""Starts Python with the arguments given; keywords are Popen's."""


def _start(*arguments: str, **options: Any) -> subprocess.Popen[Any]:
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, **options)


@contextlib.contextmanager
def spawn(
    socket: Path, state_log: Path, *, arguments: tuple[str, ...] = (), start: Start = _start
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one in a process of its own; it is loaded when the block begins.

    `arguments`: see ``main``; `start` may start it as another user. It is terminated when the block
    ends, if it still runs.
    """
    command = ("-m", "tests.support.dataplane", str(socket), str(state_log), *arguments)
    process = start(*command, stdout=subprocess.PIPE)
    try:
        _wait_until_ready(process)
        yield process
    finally:
        process.terminate()
        process.wait(_START_S_MAX)
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Run until SIGTERM, SIGINT or the drain command; prints ``ready`` when it listens."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("state_log", type=Path)
    parser.add_argument("--addresses-max", type=int, default=100_000)
    parser.add_argument("--prefixes-max", type=int, default=100_000)
    parser.add_argument("--client-users", nargs="*", default=())
    options = parser.parse_args()
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    chosen = settings(
        options.socket,
        options.state_log,
        client_users=tuple(options.client_users),
        addresses_max=options.addresses_max,
        prefixes_max=options.prefixes_max,
    )
    with PortlessDataplane(chosen) as dataplane:
        dataplane.start()
        print("ready", flush=True)
        while not stopped and not dataplane.draining:
            dataplane.turn()
            time.sleep(0.001)


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        raise RuntimeError(f"the data plane did not start; exit status {process.wait()}")


if __name__ == "__main__":
    main()
