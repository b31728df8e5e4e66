"""Applies changes to the tables; a change that can't be applied is rejected and does not block
others.

It is between the reconciler, which decides when changes are applied, and the native tables.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.reconcile import rejections
from dataplane.reconcile.records import KINDS, EntryKey, put_records, remove_records, results_of
from dataplane.reconcile.rejections import Rejection, Rejections
from dataplane.reconcile.rules import RuleChanges, RuleTable
from dataplane.statelog import ListName, Overlay
from dataplane.statelog.format import Entry
from dataplane.tables.lists import ListsUsage

_NAMES: dict[int, ListName] = {kind: name for name, kind in KINDS.items()}


class ListTable(Protocol):
    """The used part of `dataplane.tables.lists.Lists`."""

    def put(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Add or replace; returns how many failed. Each record has its result."""
        ...

    def remove(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Remove; returns how many were there."""
        ...

    def commit(self) -> bool:
        """Put prefixes in force; False: try again in a turn; NativeError: the old ones stay."""
        ...

    def begin_generation(self) -> None:
        """Entries that are put from here on belong to a new generation."""
        ...

    def sweep(self, budget: int) -> bool:
        """Remove entries of older generations; True: there are more."""
        ...

    def usage(self) -> ListsUsage:
        """The usage of the tables."""
        ...


class PolicyAndOverlays(Protocol):
    """The policy and its overlays (`dataplane.reconcile.overlaid.Overlaid`)."""

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy in force, None: the default. If it raises, nothing has changed."""
        ...

    def lay_over(self, overlays: Sequence[Overlay]) -> None:
        """Put all overlays in force, in place of the former ones. If it raises, nothing has
        changed."""
        ...


class Published(rejections.Published, Protocol):
    """The published state (`dataplane.reconcile.published.StatsPublisher`)."""

    def database(self, database_id: UUID | None) -> None:
        """The state belongs to that database; no revision is applied yet."""
        ...

    def applied_through(self, revision: int) -> None:
        """Every revision up to this one is in force, except the one that is loading."""
        ...

    def drain(self, *, on: bool) -> None:
        """Whether the node is to drain."""
        ...

    def rules_through(self, revision: int) -> None:
        """The WAF rules of every revision up to this one are in force."""
        ...

    def loading(self, revision: int) -> None:
        """The revision of an import that is not complete yet; 0: none."""
        ...

    def usage(self, usage: ListsUsage) -> None:
        """The usage of the tables."""
        ...

    def notice(self, kind: abi.NoticeKind, value: int, /) -> None:
        """Send a notice to the agent."""
        ...


class Tables:
    """The tables, changes that wait for a commit, and rejected changes."""

    def __init__(
        self, lists: ListTable, rules: RuleTable, publish: Published, clock: Clock
    ) -> None:
        self.lists = lists
        self.rejections = Rejections(publish, clock)
        self.rules = RuleChanges(rules, self.rejections, clock)
        self._clock = clock
        # A failed commit reports no more than this number, so more need not be kept.
        self._uncommitted: deque[int] = deque(maxlen=abi.REJECTED_MAX)

    @property
    def dirty(self) -> bool:
        """Whether a prefix of a log line waits for a commit; those of a bulk load do not count."""
        return bool(self._uncommitted)

    def put(self, entries: Sequence[Entry], revision: int) -> None:
        """Put entries of a log line; expired ones are removed."""
        self._expect_commit([entry[:2] for entry in entries], revision)
        records, expired = put_records(entries, self._clock)
        if self._put(records, revision) == 0:
            self.rejections.accept([entry[:2] for entry in entries])
        self.remove_bulk([entry[:2] for entry in expired])

    def remove(self, keys: Sequence[EntryKey], revision: int) -> None:
        """Remove entries of a log line."""
        self._expect_commit(keys, revision)
        self.remove_bulk(keys)

    def put_bulk(self, entries: Sequence[Entry], revision: int) -> list[Entry]:
        """Put entries whose prefixes may wait for the end of the load; returns the new ones."""
        records, expired = put_records(entries, self._clock)
        self._put(records, revision)
        self.remove_bulk([entry[:2] for entry in expired])
        over = {entry[:2] for entry in expired}
        live = (entry for entry in entries if entry[:2] not in over) if over else entries
        results = results_of(records)
        return [entry for entry, result in zip(live, results, strict=True) if result == 0]

    def put_reloaded(self, entries: Sequence[Entry]) -> bool:
        """Put entries of a new generation beside the old one; False: put them again after the
        sweep."""
        records, _ = put_records(entries, self._clock)
        return not len(records) or self.lists.put(records) == 0

    def remove_bulk(self, keys: Sequence[EntryKey]) -> None:
        """Remove entries whose prefixes may wait for the end of the load."""
        if keys:
            self.lists.remove(remove_records(keys))
            self.rejections.accept(keys)

    def begin_generation(self) -> None:
        """All entries will be put again; rejections of entries are cleared with them."""
        self.lists.begin_generation()
        self.rules.begin_generation()
        self.rejections.clear()

    def commit(self, *revisions: int) -> bool:
        """Put prefixes in force; False: not yet. Failed ones wait for the next change.

        ``revisions``: revisions of the prefixes, in addition to those of log lines.
        """
        try:
            if not self.lists.commit():
                return False
        except Exception as exc:
            place = abi.RejectedKind.PREFIXES
            self.rejections.refuse(place, exc, *sorted({*self._uncommitted, *revisions}))
        else:
            self.rejections.accept([abi.RejectedKind.PREFIXES])
        self._uncommitted.clear()
        return True

    def _expect_commit(self, keys: Sequence[EntryKey], revision: int) -> None:
        """Called first: a change that is half done when an error is raised is committed too."""
        is_known = bool(self._uncommitted) and self._uncommitted[-1] == revision
        if not is_known and any(not network.is_address for _, network in keys):
            self._uncommitted.append(revision)

    def _put(self, records: ctypes.Array[abi.ListRecord], revision: int) -> int:
        failed = self.lists.put(records) if len(records) else 0
        for record in records if failed else ():
            if record.result < 0:
                rejection = Rejection(revision, _key_of(record), -record.result)
                self.rejections.add(rejection, record.deadline_ds)
        return failed


def _key_of(record: abi.ListRecord) -> EntryKey:
    return _NAMES[record.list], Network(bytes(record.key), record.prefix_length)
