"""Keeps the processes of an instance running, as systemd would: one thread, one loop.

Wakes for a signal, for a message on a notify socket, for the end of a process, and for the next
deadline of a unit. Restarts without limit. The processes die with it (parent-death signal).
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType

from appliance.lab.processes.unit import State, Unit

TURN_S_MAX = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Supervisor:
    """Runs units until `stop` or a signal; a context manager that owns the signal handlers.

    Before the first `run` a stop signal raises KeyboardInterrupt, which ends the current work
    (building the network). Later it ends `run`, and a second one shortens `shut_down`.
    """

    def __init__(self, units: Iterable[Unit] = ()) -> None:
        self.units = list(units)
        self.say: Callable[[str], None] = lambda _text: None
        """Called with messages for the user."""
        self.changed: Callable[[], None] = lambda: None
        """Called after a unit has changed its state; again later when it raises `OSError`."""
        self._is_told = True
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handlers: dict[signal.Signals, object] = {}
        self._interrupts = True
        self._stops = 0

    def __enter__(self) -> Supervisor:
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        for number in _SIGNALS:
            self._handlers[number] = signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_exc: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._selector.close()
        os.close(self._wakeup)
        os.close(self._wakeup_end)

    def start(self, units: Iterable[Unit]) -> None:
        """Start these units, in order."""
        self.units = list(units)
        for unit in self.units:
            self._selector.register(unit.notify, selectors.EVENT_READ)
            unit.start(time.monotonic())
        self.tell()

    def tell(self) -> None:
        """Request that the present state is written; on a full disk this happens later."""
        try:
            self.changed()
        except OSError as error:
            if self._is_told:
                self.say(f"the status can't be written: {error.strerror}")
            self._is_told = False
        else:
            self._is_told = True

    def run(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Supervise until a stop signal (returns False) or until the condition holds (True)."""
        self._interrupts = False
        while not self._stops:
            if until():
                return True
            self._turn()
        return False

    def shut_down(self) -> None:
        """Stop all units, last first; each gets its time. A second signal kills."""
        self._interrupts = False
        hurried = self._stops
        for unit in reversed(self.units):
            unit.stop(time.monotonic())
        while any(unit.state is not State.STOPPED for unit in self.units):
            self._turn()
            if self._stops > max(hurried, 1):
                hurried = self._stops
                for unit in self.units:
                    unit.stop(time.monotonic(), at_once=True)
        for unit in self.units:
            with suppress(KeyError):
                self._selector.unregister(unit.notify)
            unit.notify.close()

    def _turn(self) -> None:
        deadlines = [unit.deadline_s for unit in self.units if unit.deadline_s is not None]
        wait_s = min(deadlines, default=float("inf")) - time.monotonic()
        self._selector.select(max(0.0, min(wait_s, TURN_S_MAX)))
        with suppress(BlockingIOError):
            os.read(self._wakeup, 512)
        before = [(unit.state, unit.pid) for unit in self.units]
        for unit in self.units:
            words = unit.turn(time.monotonic())
            if words:
                self.say(words)
        if not self._is_told or before != [(unit.state, unit.pid) for unit in self.units]:
            self.tell()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            return  # only the wake-up through the descriptor was needed
        self._stops += 1
        if self._interrupts and self._stops == 1:
            raise KeyboardInterrupt
