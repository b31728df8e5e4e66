"""Makes the tables what the state log says, and publishes how far they are.

The only reader of the state log, on the control loop's turn. A new line is in force within a turn;
bulk work (a snapshot, an import) is a generator that is stepped in chunks of a millisecond or two,
and while an import loads, later lines overtake it: a key they touch is left as they made it.

What can't be read stops nothing: the last good state stays, the node says that it is degraded, and
the next generation that the API writes mends it.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from dataplane import abi
from dataplane.applying import EntryKey, ListTable, Profiles, Published, Tables
from dataplane.clock import Clock
from dataplane.errors import SecBeatError
from dataplane.records import Marker, marker_record
from dataplane.statelog import (
    Change,
    Import,
    Line,
    Put,
    Remove,
    SetPolicy,
    StateLogError,
    StateLogReader,
)
from dataplane.statelog.format import Entry
from dataplane.statelog.reader import EntriesFile, LogFollower, Mark

__all__ = ["ListTable", "Profiles", "Published", "Reconciler"]

TOUCHED_MAX = 65_536
LOOK_EVERY_MS = 40
_LINES_PER_READ = 64
_START_BUDGET_MS = 5
_SWEEP_BUDGET = 4096
_NEXT_TURN = True
_ROOM_TURNS_MAX = 32
Work: TypeAlias = Iterator[bool | None]
"""Yields about every millisecond, and `_NEXT_TURN` to go on in a later turn only."""


class Reconciler:
    """See the module. Not for several threads."""

    def __init__(
        self,
        reader: StateLogReader,
        lists: ListTable,
        profiles: Profiles,
        publish: Published,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._profiles = profiles
        self._publish = publish
        self._clock = clock
        self._tables = Tables(lists, publish, clock)
        self._generation = 0
        self._bad_generation = -1
        self._unlisted = False
        self._log: LogFollower | None = None
        self._database_id: UUID | None = None
        self._revision = 0
        self._ahead: deque[Line] = deque()
        self._reload: Work | None = None
        self._import: Work | None = None
        self._touched: set[EntryKey] = set()
        self._lost_import = 0
        self._incomplete = False
        self._mark: Mark | None = None
        self._look_at_ms = 0

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """Load everything there is, before anything is forwarded; takes as long as it takes.

        `between` is called every few milliseconds, so that clients are answered meanwhile.
        """
        self._apply_policy(None, 0)
        self._look_for_generation()
        while self._is_behind():
            self._look_at_ms = 0
            self.turn(budget_ms=_START_BUDGET_MS)
            between()
        self._publish.usage(self._tables.lists.usage())

    def doorbell(self) -> None:
        """The log has grown: read it on the next turn, sooner than anyway."""
        self._look_at_ms = 0

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do, as far as is known."""
        working = self._reload is not None or self._import is not None or bool(self._ahead)
        return working or self._tables.dirty or self._clock.boot_ms() >= self._look_at_ms

    def turn(self, budget_ms: float = 2.0) -> None:
        """Read, apply, go on with bulk work; about so long, a chunk or a commit more at most."""
        end = time.perf_counter() + budget_ms / 1000
        if self._reload is not None:
            self._reload = _step(self._reload, end)
            return
        if self._ahead or self._clock.boot_ms() >= self._look_at_ms:
            self._read_and_apply(end)
        if self._import is not None:
            self._import = _step(self._import, end)

    def close(self) -> None:
        """Close what is open; idempotent."""
        self._reload = self._import = None
        if self._log is not None:
            self._log.close()
            self._log = None

    # --- lines ------------------------------------------------------------------------------------

    def _read_and_apply(self, end: float) -> None:
        more = self._more_to_read()
        while more and self._apply_next() and time.perf_counter() < end:
            more = self._more_to_read()
        # What an import has committed in the meantime counts too.
        if not self._tables.dirty or self._tables.commit(self._revision):
            self._publish_applied()
        if not more and not self._tables.dirty:
            self._look_at_ms = self._clock.boot_ms() + LOOK_EVERY_MS
            if self._import is None:
                self._look_for_generation()
        self._tables.forget_over()
        self._publish.usage(self._tables.lists.usage())

    def _is_behind(self) -> bool:
        """Whether there is something to do, as far as is known."""
        working = self._reload is not None or self._import is not None or self._tables.dirty
        unsure = self._mark is None or self._lost_import != 0
        return working or unsure or self._more_to_read()

    def _more_to_read(self) -> bool:
        """Whether a line is there; reads some when none is left."""
        if not self._ahead and self._log is not None:
            try:
                self._ahead.extend(self._log.lines(_LINES_PER_READ))
            except StateLogError:
                self._log.close()
                self._log = None
                self._degrade(self._generation)
        return bool(self._ahead)

    def _apply_next(self) -> bool:
        """Apply the next line; False: an import must be complete first."""
        line = self._ahead[0]
        if self._import is not None and (
            len(self._touched) >= TOUCHED_MAX
            or any(isinstance(change, Import) for change in line.changes)
        ):
            return False
        self._ahead.popleft()
        for change in line.changes:
            self._apply(change, line.revision)
        self._revision = line.revision
        if not self._tables.dirty:
            self._publish_applied()
        return True

    def _publish_applied(self) -> None:
        """The room first: who waits for a revision finds what it has left."""
        self._publish.usage(self._tables.lists.usage())
        self._publish.applied_through(self._revision)

    def _apply(self, change: Change, revision: int) -> None:
        match change:
            case Put(list=name, network=network, deadline=deadline):
                self._touch((name, network))
                self._tables.put([Entry(name, network, deadline)], revision)
            case Remove(list=name, network=network):
                self._touch((name, network))
                self._tables.remove([(name, network)])
            case SetPolicy(document=document):
                self._apply_policy(document, revision)
            case Import():
                self._reject_lost_import()
                self._touched.clear()
                self._publish.loading(revision)
                self._import = self._load_import(change, revision)

    def _touch(self, key: EntryKey) -> None:
        if self._import is not None:
            self._touched.add(key)

    def _apply_policy(self, document: Mapping[str, Any] | None, revision: int) -> None:
        try:
            self._profiles.apply(document)
        except SecBeatError:
            self._tables.reject(revision, marker_record(Marker.POLICY), errno.EINVAL)
        else:
            self._tables.accept([Marker.POLICY])

    # --- bulk -------------------------------------------------------------------------------------

    def _load_import(self, change: Import, revision: int) -> Work:
        """Put what an import holds, but what was or is touched by others."""
        skip = set(change.skip)
        try:
            with self._reader.import_entries(change.file, change.count) as file:
                yield from file.check()
                for chunk in file.chunks():
                    keys = [entry[:2] for entry in chunk]
                    entries = [
                        entry
                        for entry, key in zip(chunk, keys, strict=True)
                        if key not in skip and key not in self._touched
                    ]
                    expired = self._tables.put_bulk(entries, revision)
                    self._tables.remove_bulk([entry[:2] for entry in expired])
                    yield None
        except StateLogError:
            self._lost_import, self._incomplete = revision, True
            self._look_at_ms = 0
        while not self._tables.commit(revision):
            yield None
        self._publish.usage(self._tables.lists.usage())
        if not self._lost_import:
            self._publish.loading(0)

    def _reject_lost_import(self) -> None:
        """No newer generation makes up for an import that can't be read."""
        if self._lost_import:
            record = marker_record(Marker.IMPORT)
            self._tables.reject(self._lost_import, record, errno.EBADMSG)
            self._lost_import = 0
            self._publish.loading(0)

    def _look_for_generation(self) -> None:
        """Go over to a newer generation: by its log if it continues ours, else by its snapshot."""
        mark = self._reader.mark()
        if mark == self._mark and not self._lost_import:
            return
        try:
            newer = self._newer_generations()
        except StateLogError:
            self._unlisted = self._unlisted or self._bad_generation < 0
            self._degrade(self._generation)
            newer = []
        else:
            self._listed()
        if newer and (self._more_to_read() or self._continue_with(newer[-1])):
            return  # and look again: there may be one more
        self._mark = mark
        if newer:
            self._reload = self._load_generation([*newer, self._generation])
        else:
            self._reject_lost_import()

    def _newer_generations(self) -> list[int]:
        """Those that may be gone over to; all there are, if ours is of a directory that is gone."""
        replaced = self._log is not None and self._log.is_replaced()
        found = self._reader.generations()
        newer = [generation for generation in found if generation > self._generation]
        if newer or not found or not replaced or self._log is None:
            return newer
        # A restored backup counts from where it was: its numbers say nothing about ours.
        self._log.close()
        self._log = None
        self._generation, self._bad_generation = 0, min(self._bad_generation, 0)
        return found

    def _continue_with(self, generation: int) -> bool:
        """Follow a generation's log if it leads through where we are."""
        if self._log is None or self._incomplete:
            return False
        try:
            log = self._reader.log(generation)
        except StateLogError:
            return False
        try:
            known = log.database_id == self._database_id and log.skip_through(self._revision)
        except StateLogError:
            known = False
        if known:
            self._follow(generation, log)
        else:
            log.close()
        return known

    def _load_generation(self, candidates: Sequence[int]) -> Work:
        """Load the first that is sound; the last candidate is the one that is loaded already."""
        spoiled = False
        for generation in candidates:
            if generation == self._generation and not spoiled:
                self._reject_lost_import()
                return
            log = None
            try:
                with self._reader.snapshot(generation) as snapshot:
                    yield from snapshot.check()
                    log = self._log_after(generation, snapshot)
                    spoiled = True
                    yield from self._load_snapshot(snapshot)
            except StateLogError:
                self._degrade(generation)
                if log is not None:
                    log.close()
                continue
            self._follow(generation, log)
            return

    def _log_after(self, generation: int, snapshot: EntriesFile) -> LogFollower:
        log = self._reader.log(generation)
        if (log.database_id, log.revision) == (snapshot.database_id, snapshot.revision):
            return log
        log.close()
        raise StateLogError(f"{log.path.name} does not continue {snapshot.path.name}")

    def _load_snapshot(self, snapshot: EntriesFile) -> Work:
        """Make the tables what a snapshot says, without a gap for what stays."""
        database_id, revision, policy = snapshot.database_id, snapshot.revision, snapshot.policy
        if database_id != self._database_id or revision < self._revision:
            self._publish.database(None)
        self._tables.begin_generation()
        complete = True
        for chunk in snapshot.chunks():
            complete = self._tables.put_reloaded(chunk) and complete
            yield None
        while self._tables.lists.sweep(_SWEEP_BUDGET):
            yield None
        while not self._tables.commit(revision):
            yield None
        if not complete:
            yield from self._put_again(snapshot, revision)
        self._apply_policy(policy, revision)
        self._database_id, self._revision = database_id, revision
        self._lost_import, self._incomplete = 0, False
        self._publish.loading(0)
        self._publish.database(database_id)
        self._publish_applied()

    def _put_again(self, snapshot: EntriesFile, revision: int) -> Work:
        """What had no room beside the generation before has it now, or is rejected."""
        turns_left = _ROOM_TURNS_MAX
        for chunk in snapshot.chunks():
            while turns_left and not self._tables.put_reloaded(chunk):
                turns_left -= 1
                yield _NEXT_TURN  # a worker may still hold what was swept
            if not turns_left:
                self._tables.put_bulk(chunk, revision)
            yield None
        while not self._tables.commit(revision):
            yield None

    def _follow(self, generation: int, log: LogFollower) -> None:
        if self._log is not None:
            self._log.close()
        self._log, self._generation = log, generation
        self._ahead.clear()
        self._mark = None
        self._look_at_ms = 0
        if 0 <= self._bad_generation < generation:
            self._recover()

    def _listed(self) -> None:
        """The directory can be read; if nothing else was wrong with the log, nothing is now."""
        follows = self._log is not None or self._generation == 0
        if self._unlisted and self._bad_generation == self._generation and follows:
            self._recover()
        self._unlisted = False

    def _recover(self) -> None:
        self._bad_generation = -1
        self._publish.degraded(abi.Degraded.STATE_LOG, on=False)
        self._publish.notice(abi.NoticeKind.STATE_LOG_RECOVERED, self._revision)

    def _degrade(self, generation: int) -> None:
        if self._bad_generation < 0:
            self._publish.degraded(abi.Degraded.STATE_LOG, on=True)
            self._publish.notice(abi.NoticeKind.STATE_LOG_DEGRADED, self._revision)
        self._bad_generation = max(generation, self._bad_generation)


def _step(work: Work, end: float) -> Work | None:
    """Go on with bulk work until then; None: it is done."""
    for wish in work:
        if wish is _NEXT_TURN or time.perf_counter() >= end:
            return work
    return None
