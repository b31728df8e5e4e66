"""One supervised process through its life: starting, ready, waiting to be restarted, stopping.

Times are seconds of the monotonic clock, passed in. The supervisor calls `turn` whenever something
may have changed; nothing here waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from appliance.lab.processes.niceness import give_way
from appliance.lab.processes.notify import NotifySocket
from appliance.lab.processes.services import TREE, Service

RESTART_DELAY_S = 0.1
RETRY_DELAY_S = 1.0
"""State of a unit whose process could not be started."""
STOP_TIMEOUT_S = 30.0
START_TIMEOUT_S = 120.0


class State(StrEnum):
    """The state of a unit."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    """The process has ended and will be restarted."""
    STOPPING = "stopping"


class Unit:
    """A service and its current process."""

    def __init__(self, service: Service, log: Path, notify: NotifySocket) -> None:
        self.service = service
        self.notify = notify
        self.log = log
        self.state = State.STOPPED
        self.restarts = 0
        self.last_exit: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline_s: float | None = None
        self._said = ""

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def pid(self) -> int | None:
        """Process id of the running process."""
        return self._process.pid if self._process else None

    @property
    def deadline_s(self) -> float | None:
        """The latest time for the next `turn`."""
        return self._deadline_s

    def start(self, now_s: float) -> None:
        """Start the process."""
        self.notify.receive()  # left by an earlier process
        specification = replace(self.service.specification, parent=os.getpid())
        command = [
            sys.executable,
            "-m",
            "appliance.lab.processes.launcher",
            specification.to_argument(),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=TREE,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.state = State.STARTING
        self._deadline_s = now_s + START_TIMEOUT_S
        if not self.service.notifies:
            self._ready(now_s)

    def turn(self, now_s: float) -> str | None:
        """Process messages, an exit and the time; returns a text for the user, or None."""
        self._read_messages(now_s)
        if self._process is not None and self._process.poll() is not None:
            return self._ended(self._process, now_s)
        if self._deadline_s is None or now_s < self._deadline_s:
            return None
        return self._overdue(now_s)

    def stop(self, now_s: float, *, at_once: bool = False) -> None:
        """Ask the process to end; ``at_once`` kills it."""
        if self._process is None:
            self.state, self._deadline_s = State.STOPPED, None
            return
        self.state = State.STOPPING
        self._deadline_s = now_s if at_once else now_s + STOP_TIMEOUT_S
        if not at_once:
            self._process.send_signal(signal.SIGTERM)

    def _environment(self) -> dict[str, str]:
        environment = dict(self.service.environment)
        if self.service.notifies:
            environment["NOTIFY_SOCKET"] = str(self.notify.path)
        if self.service.watchdog_s is not None:
            environment["WATCHDOG_USEC"] = str(int(self.service.watchdog_s * 1_000_000))
        return environment

    def _read_messages(self, now_s: float) -> None:
        for message in self.notify.receive():
            if self.state is State.STARTING and message.get("READY") == "1":
                self._ready(now_s)
            elif self.state is State.READY and message.get("WATCHDOG") == "1":
                self._feed(now_s)

    def _ready(self, now_s: float) -> None:
        self.state = State.READY
        if self.service.gives_way and self._process is not None:
            give_way(self._process.pid)
        self._feed(now_s)

    def _feed(self, now_s: float) -> None:
        watchdog_s = self.service.watchdog_s
        self._deadline_s = None if watchdog_s is None else now_s + watchdog_s

    def _ended(self, process: subprocess.Popen[bytes], now_s: float) -> str:
        self.last_exit = process.returncode
        self._kill_group()  # before the process is forgotten: this also ends its child processes
        self._process = None
        if self.state is State.STOPPING:
            self.state, self._deadline_s = State.STOPPED, None
            return f"{self.name} stopped ({_exit_text(self.last_exit)})"
        self.state, self._deadline_s = State.WAITING, now_s + RESTART_DELAY_S
        return f"{self.name} ended ({_exit_text(self.last_exit)}): restarting it"

    def _overdue(self, now_s: float) -> str | None:
        if self.state is State.WAITING:
            return self._restart(now_s)
        late = {
            State.STARTING: f"was not ready within {START_TIMEOUT_S:.0f} s",
            State.READY: f"was silent for {self.service.watchdog_s} s",
        }.get(self.state, f"did not stop within {STOP_TIMEOUT_S:.0f} s")
        self._deadline_s = now_s + STOP_TIMEOUT_S
        self._kill_group()
        return f"{self.name} {late}: killed"

    def _restart(self, now_s: float) -> str | None:
        """Start it again; after an error of the system, for example a log on a full disk, try
        later."""
        self.restarts += 1
        try:
            self.start(now_s)
        except OSError as error:
            self._deadline_s = now_s + RETRY_DELAY_S
            words = f"{self.name} can't be started: {error.strerror}"
            said, self._said = self._said, words
            return None if said == words else words
        self._said = ""
        return None

    def _kill_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _exit_text(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
