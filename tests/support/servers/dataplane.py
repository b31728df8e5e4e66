"""A data plane without ports, EAL and root: the real control plane over the real tables.

`PortlessDataplane` runs in the test's own process and is driven by `turn`; `spawn` runs one in a
process of its own, as API tests need it::

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
from typing import Any

from dataplane.base.clock import Clock, SystemClock
from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.control.rings import EventRings
from dataplane.control.server import ControlServer
from dataplane.native import abi
from dataplane.native.library import ENVIRONMENT_VARIABLE, load
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.reconcile.overlaid import Overlaid
from dataplane.reconcile.published import StatsPublisher
from dataplane.reconcile.reconcile import Reconciler
from dataplane.run.loop.commands import Commands
from dataplane.run.loop.explaining import Explaining
from dataplane.run.loop.most_hit import MostHit
from dataplane.run.opening.waf import start_compiler
from dataplane.shared.profile_names import ProfileNames
from dataplane.shared.transport.shm import SharedStats
from dataplane.statelog import StateLogReader
from dataplane.tables.lists import Lists, random_hash_key
from dataplane.waf.composing import open_rules
from dataplane.waf.no_rules import NoRules
from dataplane.waf.rules import Rules

ROOT = Path(__file__).resolve().parents[3]
_START_S_MAX = 60


def library() -> ctypes.CDLL:
    """The DPDK-free build if there is one."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    named = ENVIRONMENT_VARIABLE in os.environ
    return load(pipeline if pipeline.exists() and not named else None)


def settings(socket: Path, state_log: Path, **changes: Any) -> DataplaneSettings:
    """Settings for a data plane without ports; without ``client_users``, only this user's own
    clients may connect."""
    port = PortSettings("none")
    return DataplaneSettings(
        port, port, state_log, socket, **{"client_users": (), "addresses_max": 100_000, **changes}
    )


class PortlessDataplane:
    """Control server, reconciler and tables in this process; `turn` is one turn of the control
    loop."""

    def __init__(self, settings: DataplaneSettings, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.library = library()
        self.consumers = dict.fromkeys(range(settings.lcores), 0)
        """The addresses that a worker would read from its ``events_consumer``."""
        self.readers = abi.Readers()
        """The counters of workers; there are no readers until a test sets ``count``."""
        self.stats = SharedStats(self.clock, settings.lcores)
        self.events = EventRings(
            self.library,
            settings.lcores,
            self.consumers.__setitem__,
            ctypes.addressof(self.readers),
        )
        self.lists = Lists(
            self.library,
            settings.addresses_max,
            settings.prefixes_max,
            settings.lcores,
            random_hash_key(),
        )
        self.most_hit = MostHit(self.lists, self.stats.header)
        self.node, names = abi.Node(lcore_count=1), ProfileNames(self.stats.header, [])
        self.lcore = abi.Lcore(stats=self.stats.lcore_address(0))
        self.lcore.node = ctypes.addressof(self.node)
        self._opened = contextlib.ExitStack()
        self.rules = self._open_rules(settings)
        self.profiles = ActivePolicy(self.library, self.node, names, self.rules)
        self.node.lists = self.lists.address
        explaining = Explaining(self.library, self.node, [self.lcore])
        self.commands = Commands(self.lists, explaining, self.clock)
        self.control = ControlServer(
            *(settings, self.stats, self.events, self.library, self.clock),
            self.commands.on_command,
        )
        publisher = StatsPublisher(self.stats, self.control.notice)
        self.overlaid = Overlaid(self.profiles, publisher, self.clock)
        self.reconciler = Reconciler(
            StateLogReader(settings.state_log),
            *(self.lists, self.overlaid, self.rules, publisher, self.clock),
        )
        self.rules.on_refused = self.reconciler.rule_refused
        self.commands.bind(self.reconciler)

    def start(self) -> None:
        """Load the state."""
        self.reconciler.start(self.control.turn)
        self.rules.start(self.control.turn)
        self.stats.header.state = abi.State.RUNNING
        self.turn()

    def turn(self, budget_ms: float = 2.0) -> None:
        """One turn of the control loop."""
        self.control.turn()
        self.node.boot_ds = self.clock.boot_ms() // 100
        self.rules.turn()
        self.reconciler.turn(budget_ms)
        self.overlaid.turn()
        self.control.answer()
        self.lists.expire(self.clock.boot_ms() // 100, 1024)
        self.most_hit.turn()
        self.stats.header.heartbeat_boot_ms = self.clock.boot_ms()

    def close(self) -> None:
        """Release everything; may be called again."""
        self.reconciler.close()
        self.control.close()
        self.events.close()
        self.profiles.close()
        self._opened.close()
        self.lists.close()
        self.stats.close()

    def _open_rules(self, settings: DataplaneSettings) -> Rules | NoRules:
        compiler = start_compiler(self.library, settings, (), self._opened)
        if compiler is None:
            return NoRules(self.stats.header)
        places = (compiler.settings.socket, compiler.cache)
        header, opened = self.stats.header, self._opened
        return open_rules(
            *(self.library, places, self.node, [self.lcore], header),
            clock=self.clock,
            opened=opened,
        )

    def __enter__(self) -> PortlessDataplane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def turning(dataplane: PortlessDataplane) -> Iterator[PortlessDataplane]:
    """Start the data plane, and run its turns in a thread during the block."""
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
"""Starts Python with these arguments; keywords are those of Popen."""


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
    command = ("-m", "tests.support.servers.dataplane", str(socket), str(state_log), *arguments)
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
    """Run until SIGTERM or SIGINT; prints ``ready`` when it listens."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("state_log", type=Path)
    parser.add_argument("--addresses-max", type=int, default=100_000)
    parser.add_argument("--prefixes-max", type=int, default=100_000)
    parser.add_argument("--client-users", nargs="*", default=())
    parser.add_argument("--rules-cache", type=Path, default=None)
    options = parser.parse_args()
    chosen = settings(
        options.socket,
        options.state_log,
        client_users=tuple(options.client_users),
        addresses_max=options.addresses_max,
        prefixes_max=options.prefixes_max,
        rules_cache=options.rules_cache,
    )
    with PortlessDataplane(chosen) as dataplane:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, dataplane.commands.on_signal)
        dataplane.start()
        print("ready", flush=True)
        while not dataplane.commands.stop_wanted:
            dataplane.turn()
            time.sleep(0.001)


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        raise RuntimeError(f"the data plane did not start; exit status {process.wait()}")


if __name__ == "__main__":
    main()
