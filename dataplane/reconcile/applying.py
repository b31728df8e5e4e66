"""Changes, applied to the tables: what can't be is reported as rejected and holds nobody up.

Between the reconciler, which decides what is applied when, and the native tables.
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
    """What is needed of `dataplane.tables.lists.Lists`."""

    def put(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Adds or replaces; returns how many failed, each record's result says why."""
        ...

    def remove(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Removes; returns how many were there."""
        ...

    def commit(self) -> bool:
        """Brings prefixes in force; False: try again in a turn; NativeError: the old ones stay."""
        ...

    def begin_generation(self) -> None:
        """From here on, what is put belongs to a new generation."""
        ...

    def sweep(self, budget: int) -> bool:
        """Removes what was not put in this generation; True: there is more."""
        ...

    def usage(self) -> ListsUsage:
        """How full it is."""
        ...


class PolicyAndOverlays(Protocol):
    """Where a policy and its overlays are applied (`dataplane.reconcile.overlaid.Overlaid`)."""

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Bring a policy in force, None: the default. Whatever it raises: nothing has changed."""
        ...

    def lay_over(self, overlays: Sequence[Overlay]) -> None:
        """Bring all overlays in force, in place of those before. Likewise."""
        ...


class Published(rejections.Published, Protocol):
    """What clients get to see (`dataplane.reconcile.published.StatsPublisher`)."""

    def database(self, database_id: UUID | None) -> None:
        """The state is of that database; nothing of it is applied yet."""
        ...

    def applied_through(self, revision: int) -> None:
        """Every revision up to this one is in force, but the one that is loading."""
        ...

    def drain(self, *, on: bool) -> None:
        """The node is to drain, or not."""
        ...

    def rules_through(self, revision: int) -> None:
        """Every revision up to this one has its rules of the WAF in force."""
        ...

    def loading(self, revision: int) -> None:
        """This revision is an import that is not complete yet; 0: none."""
        ...

    def usage(self, usage: ListsUsage) -> None:
        """How full the tables are."""
        ...

    def notice(self, kind: abi.NoticeKind, value: int, /) -> None:
        """Tells the agent."""
        ...


class Tables:
    """The tables, what of them waits for a commit, and what they refused."""

    def __init__(
        self, lists: ListTable, rules: RuleTable, publish: Published, clock: Clock
    ) -> None:
        self.lists = lists
        self.rejections = Rejections(publish, clock)
        self.rules = RuleChanges(rules, self.rejections, clock)
        self._clock = clock
        # More than are told of a commit that fails need not be known.
        self._uncommitted: deque[int] = deque(maxlen=abi.REJECTED_MAX)

    @property
    def dirty(self) -> bool:
        """Whether a line's prefix waits for a commit; one of a bulk load does not count."""
        return bool(self._uncommitted)

    def put(self, entries: Sequence[Entry], revision: int) -> None:
        """Put entries of a line; those that have expired are removed."""
        self._expect_commit([entry[:2] for entry in entries], revision)
        records, expired = put_records(entries, self._clock)
        if self._put(records, revision) == 0:
            self.rejections.accept([entry[:2] for entry in entries])
        self.remove_bulk([entry[:2] for entry in expired])

    def remove(self, keys: Sequence[EntryKey], revision: int) -> None:
        """Remove entries of a line."""
        self._expect_commit(keys, revision)
        self.remove_bulk(keys)

    def put_bulk(self, entries: Sequence[Entry], revision: int) -> list[Entry]:
        """Put entries whose prefixes may wait until all is loaded; returns those that are new."""
        records, expired = put_records(entries, self._clock)
        self._put(records, revision)
        self.remove_bulk([entry[:2] for entry in expired])
        over = {entry[:2] for entry in expired}
        live = (entry for entry in entries if entry[:2] not in over) if over else entries
        results = results_of(records)
        return [entry for entry, result in zip(live, results, strict=True) if result == 0]

    def put_reloaded(self, entries: Sequence[Entry]) -> bool:
        """Put entries of a new generation beside the old; False: again, when that is swept."""
        records, _ = put_records(entries, self._clock)
        return not len(records) or self.lists.put(records) == 0

    def remove_bulk(self, keys: Sequence[EntryKey]) -> None:
        """Remove entries whose prefixes may wait until all is loaded."""
        if keys:
            self.lists.remove(remove_records(keys))
            self.rejections.accept(keys)

    def begin_generation(self) -> None:
        """Everything will be put again, and what was rejected with it."""
        self.lists.begin_generation()
        self.rules.begin_generation()
        self.rejections.clear()

    def commit(self, *revisions: int) -> bool:
        """Bring prefixes in force; False: not yet. What fails waits for the next change.

        ``revisions``: whose prefixes they are, beside those of the lines.
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
        """First: what is half done when something is raised is committed too."""
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
