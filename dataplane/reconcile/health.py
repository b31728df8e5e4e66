"""Tracks whether the state log can be read: if not, the node is degraded until a newer generation
repairs it.

The reconciler writes it. A generation is bad if its snapshot or its log is, or if the directory
could not be listed while it was followed.
"""

from __future__ import annotations

from dataplane.native import abi
from dataplane.reconcile.applying import Published


class LogHealth:
    """See the module. `revision` is that of the tables when a fault is reported."""

    def __init__(self, publish: Published) -> None:
        self._publish = publish
        self._bad_generation = -1
        self._unlisted = False

    def unreadable(self, generation: int, revision: int) -> None:
        """A generation's snapshot or log is damaged, or no newer one that repairs it exists."""
        if self._bad_generation < 0:
            self._publish.degraded(abi.Degraded.STATE_LOG, on=True)
            self._publish.notice(abi.NoticeKind.STATE_LOG_DEGRADED, revision)
        self._bad_generation = max(generation, self._bad_generation)

    def unlisted(self, generation: int, revision: int) -> None:
        """The directory can't be read; `generation` is the one that is followed."""
        self._unlisted = self._unlisted or self._bad_generation < 0
        self.unreadable(generation, revision)

    def listed(self, generation: int, revision: int, *, follows: bool) -> None:
        """The directory can be read; this clears the fault if it was the only one."""
        if self._unlisted and self._bad_generation == generation and follows:
            self._recover(revision)
        self._unlisted = False

    def followed(self, generation: int, revision: int) -> None:
        """This generation is followed from now on: it repairs the faults of older ones."""
        if 0 <= self._bad_generation < generation:
            self._recover(revision)

    def count_anew(self) -> None:
        """Generations are numbered from the beginning: any generation repairs the fault."""
        self._bad_generation = min(self._bad_generation, 0)

    def _recover(self, revision: int) -> None:
        self._bad_generation = -1
        self._publish.degraded(abi.Degraded.STATE_LOG, on=False)
        self._publish.notice(abi.NoticeKind.STATE_LOG_RECOVERED, revision)
