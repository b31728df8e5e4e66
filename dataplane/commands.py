"""Carries out what the control client asks for; signals end up here too.

Exists before what it acts on, because the control socket needs somebody to call; until ``bind``
only a wish to stop is remembered.
"""

from __future__ import annotations

from types import FrameType

from dataplane.clock import Clock
from dataplane.protocol import Command, Doorbell, Drain, Explain, Explanation
from dataplane.reconcile import Reconciler
from dataplane.tables import Lists


class Commands:
    """One per process."""

    def __init__(self, lists: Lists, clock: Clock) -> None:
        self.stop_wanted = False
        self._lists = lists
        self._clock = clock
        self._reconciler: Reconciler | None = None

    def bind(self, reconciler: Reconciler) -> None:
        """Who doorbells are for."""
        self._reconciler = reconciler

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: drain, as the command does."""
        self.stop_wanted = True

    def on_command(self, command: Command) -> Explanation | None:
        """See `dataplane.protocol.OnCommand`."""
        match command:
            case Doorbell() if self._reconciler is not None:
                self._reconciler.doorbell()
            case Drain():
                self.stop_wanted = True
            case Explain():
                return self._explain(command)
        return None

    def _explain(self, asked: Explain) -> Explanation:
        key, length = asked.network.key, asked.network.prefix_length
        entry = self._lists.get(key, length, asked.kind)
        if entry is None or entry.deadline_ds <= self._clock.boot_ms() // 100:
            return Explanation(hits=0, found=False)
        return Explanation(hits=entry.hits, found=True)
