"""Executes the commands of the control client, and handles signals.

The object is created before the things that it acts on, because the control socket needs it. Until
``bind`` it only stores a request to stop.
"""

from __future__ import annotations

from types import FrameType

from dataplane.base.clock import MS_PER_DS, Clock
from dataplane.native import abi
from dataplane.reconcile.reconcile import Reconciler
from dataplane.run.loop.explaining import Explaining
from dataplane.shared.explained import PacketQuestion
from dataplane.shared.transport.protocol import Command, Doorbell, Explain, Explanation
from dataplane.tables.lists import Lists


class Commands:
    """One per process."""

    def __init__(self, lists: Lists, explaining: Explaining, clock: Clock) -> None:
        self.stop_wanted = False
        self._lists = lists
        self._explaining = explaining
        self._clock = clock
        self._reconciler: Reconciler | None = None

    def bind(self, reconciler: Reconciler) -> None:
        """Set the receiver of doorbells."""
        self._reconciler = reconciler

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM and SIGINT: stop accepting packets, finish, and exit. No client can
        request that."""
        self.stop_wanted = True

    def on_command(self, command: Command) -> Explanation | abi.PacketExplained | None:
        """See `dataplane.shared.transport.protocol.OnCommand`."""
        match command:
            case Doorbell() if self._reconciler is not None:
                self._reconciler.doorbell()
            case Explain():
                return self._explain(command)
            case PacketQuestion():
                now = self._explaining.now(self._clock.boot_ms() // MS_PER_DS)
                return self._explaining.explain(command, now)
        return None

    def _explain(self, asked: Explain) -> Explanation:
        key, length = asked.network.key, asked.network.prefix_length
        entry = self._lists.get(key, length, asked.kind)
        if entry is None or entry.deadline_ds <= self._clock.boot_ms() // MS_PER_DS:
            return Explanation(hits=0, found=False)
        return Explanation(hits=entry.hits, found=True)
