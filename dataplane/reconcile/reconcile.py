"""Updates the tables to match the state log, and publishes the progress.

It is the only reader of the state log, and runs on the control loop's turn. A new line is in force
within a turn. Bulk work (a snapshot, an import) is a generator that is stepped in chunks of a
millisecond or two. While an import loads, later lines are applied before its end: keys that they
touch keep their values.

An unreadable log stops nothing: the last good state stays, the node is degraded, and the next
generation that the API writes repairs it. A change that can't be applied, for any reason, is
rejected: the state before it stays, and the following changes are applied.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

from dataplane.base.clock import Clock
from dataplane.base.logs import Log
from dataplane.native import abi
from dataplane.reconcile.applying import ListTable, PolicyAndOverlays, Published, Tables
from dataplane.reconcile.health import LogHealth
from dataplane.reconcile.importing import Importing
from dataplane.reconcile.records import EntryKey
from dataplane.reconcile.rejections import place_of
from dataplane.reconcile.rules import RuleTable
from dataplane.reconcile.snapshots import fill
from dataplane.reconcile.work import Work, step
from dataplane.statelog import (
    Change,
    Import,
    Line,
    Put,
    PutRule,
    Remove,
    RemoveRule,
    SetDrain,
    SetOverlays,
    SetPolicy,
    StateLogError,
    StateLogReader,
)
from dataplane.statelog.follower import LogFollower
from dataplane.statelog.format import Entry
from dataplane.statelog.opened import EntriesFile
from dataplane.statelog.reader import Mark

__all__ = ["ListTable", "PolicyAndOverlays", "Published", "Reconciler"]

TOUCHED_MAX = 65_536
LOOK_EVERY_MS = 40
_LINES_PER_READ = 64
_START_BUDGET_MS = 5
_log = Log()


class Reconciler:
    """See the module. Not for several threads."""

    def __init__(
        self,
        reader: StateLogReader,
        lists: ListTable,
        profiles: PolicyAndOverlays,
        rules: RuleTable,
        publish: Published,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._profiles = profiles
        self._publish = publish
        self._clock = clock
        self._tables = Tables(lists, rules, publish, clock)
        self._applied = 0
        self._generation = 0
        self._health = LogHealth(publish)
        self._unloadable: set[int] = set()
        self._log: LogFollower | None = None
        self._database_id: UUID | None = None
        self._revision = 0
        self._ahead: deque[Line] = deque()
        self._reload: Work | None = None
        self._import: Work | None = None
        self._touched: set[EntryKey | int] = set()
        self._lost_import = 0
        self._incomplete = False
        self._mark: Mark | None = None
        self._look_at_ms = 0

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """Load everything before packets are forwarded; without a time limit.

        `between` is called every few milliseconds, so that clients are answered meanwhile.
        """
        self._apply(SetPolicy(None), 0)
        self._look_for_generation()
        while self._is_behind():
            self._look_at_ms = 0
            self.turn(budget_ms=_START_BUDGET_MS)
            between()
        self._publish.usage(self._tables.lists.usage())

    def doorbell(self) -> None:
        """The log has grown: read it on the next turn instead of at the next poll."""
        self._look_at_ms = 0

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do, as far as is known."""
        working = self._reload is not None or self._import is not None or bool(self._ahead)
        return working or self._tables.dirty or self._clock.boot_ms() >= self._look_at_ms

    def turn(self, budget_ms: float = 2.0) -> None:
        """Read, apply, continue bulk work; about so long, at most a chunk or a commit more."""
        end = time.perf_counter() + budget_ms / 1000
        if self._reload is not None:
            self._reload = step(self._reload, end)
            return
        if self._ahead or self._clock.boot_ms() >= self._look_at_ms:
            self._read_and_apply(end)
        if self._import is not None:
            self._import = step(self._import, end)
        self._publish_rules()

    def rule_refused(self, number: int, revision: int, text: str) -> None:
        """Called when a rule can't be compiled."""
        self._tables.rules.refused(number, revision, text)

    def close(self) -> None:
        """Close open files; idempotent."""
        self._reload = self._import = None
        if self._log is not None:
            self._log.close()
            self._log = None

    # --- lines ------------------------------------------------------------------------------------

    def _read_and_apply(self, end: float) -> None:
        more = self._more_to_read()
        while more and self._apply_next() and time.perf_counter() < end:
            more = self._more_to_read()
        # Lines that an import has committed meanwhile count too.
        if not self._tables.dirty or self._tables.commit():
            self._publish_applied()
        if not more and not self._tables.dirty:
            self._look_at_ms = self._clock.boot_ms() + LOOK_EVERY_MS
            if self._import is None:
                self._look_for_generation()
        self._tables.rejections.forget_over()
        self._publish.usage(self._tables.lists.usage())

    def _is_behind(self) -> bool:
        """Whether there is something to do, as far as is known."""
        working = self._reload is not None or self._import is not None or self._tables.dirty
        return working or self._mark is None or self._more_to_read()

    def _more_to_read(self) -> bool:
        """Whether a line is available; reads lines when none is left."""
        if not self._ahead and self._log is not None:
            try:
                self._ahead.extend(self._log.lines(_LINES_PER_READ))
            except StateLogError:
                self._log.close()
                self._log = None
                self._health.unreadable(self._generation, self._revision)
        return bool(self._ahead)

    def _apply_next(self) -> bool:
        """Apply the next line; False: an import must be completed first."""
        line = self._ahead[0]
        if self._import is not None and (
            len(self._touched) >= TOUCHED_MAX
            or any(isinstance(change, Import) for change in line.changes)
        ):
            return False
        self._ahead.popleft()
        for change in line.changes:
            if self._apply(change, line.revision) and isinstance(change, SetPolicy):
                self._publish.notice(abi.NoticeKind.POLICY_APPLIED, line.revision)
        self._revision = line.revision
        if not self._tables.dirty:
            self._publish_applied()
        return True

    def _publish_applied(self) -> None:
        """Publish the usage first: a client that waits for the revision sees it."""
        self._publish.usage(self._tables.lists.usage())
        self._applied = self._lost_import - 1 if self._lost_import else self._revision
        self._publish_rules()
        self._publish.applied_through(self._applied)

    def _publish_rules(self) -> None:
        """Publish before a revision is published as applied or loaded: its rules may not be in
        force."""
        self._publish.rules_through(self._tables.rules.in_force_through(self._applied))

    def _apply(self, change: Change, revision: int) -> bool:
        """Apply a change, or reject it (False): after any error the following lines are applied."""
        try:
            self._apply_or_raise(change, revision)
        except Exception as exc:
            self._tables.rejections.refuse(place_of(change), exc, revision)
            return False
        return True

    def _apply_or_raise(self, change: Change, revision: int) -> None:
        match change:
            case Put(list=name, network=network, deadline=deadline):
                self._touch((name, network))
                self._tables.put([Entry(name, network, deadline)], revision)
            case Remove(list=name, network=network):
                self._touch((name, network))
                self._tables.remove([(name, network)], revision)
            case PutRule(row=row):
                self._touch(change.number)
                self._tables.rules.put([row], revision)
            case RemoveRule(number=number):
                self._touch(number)
                self._tables.rules.remove([number], revision)
            case SetPolicy(document=document):
                self._profiles.apply(document)
                self._tables.rejections.accept([abi.RejectedKind.POLICY])
            case SetOverlays(overlays=overlays):
                self._profiles.lay_over(overlays)
                self._tables.rejections.accept([abi.RejectedKind.OVERLAYS])
            case SetDrain(on=on):
                self._publish.drain(on=on)
            case Import():
                self._touched.clear()
                self._publish.loading(revision)
                self._import = self._load_import(change, revision)

    def _touch(self, key: EntryKey | int) -> None:
        """The key of a list, or the number of a rule."""
        if self._import is not None:
            self._touched.add(key)

    # --- bulk -------------------------------------------------------------------------------------

    def _load_import(self, change: Import, revision: int) -> Work:
        """Put an import's content; one that can't be loaded waits for a generation that has it."""
        try:
            yield from Importing(self._tables, change, revision, self._touched).load(self._reader)
        except StateLogError as exc:  # a newer generation replaces it
            _log.error("import not readable", revision=revision, error=str(exc))
            self._lost_import, self._incomplete = self._lost_import or revision, True
            self._publish_applied()
            self._mark, self._look_at_ms = None, 0
        except Exception as exc:
            self._incomplete = True
            self._tables.rejections.refuse(abi.RejectedKind.IMPORT, exc, revision)
        while not self._tables.commit(revision):
            yield None
        self._publish.usage(self._tables.lists.usage())
        self._publish_rules()
        self._publish.loading(0)

    def _look_for_generation(self) -> None:
        """Switch to a newer generation: by its log if it continues the present one, else by its
        snapshot."""
        mark = self._reader.mark()
        if mark == self._mark:
            return
        try:
            newer = self._newer_generations()
        except StateLogError:
            self._health.unlisted(self._generation, self._revision)
            newer = []
        else:
            follows = self._generation == 0 or (self._log is not None and not self._lost_import)
            self._health.listed(self._generation, self._revision, follows=follows)
        if newer and (self._more_to_read() or self._continue_with(newer[-1])):
            return  # and check again: there may be one more
        self._mark = mark
        self._unloadable &= set(newer)
        if loadable := [generation for generation in newer if generation not in self._unloadable]:
            self._reload = self._load_generation([*loadable, self._generation])
        elif self._lost_import:
            self._health.unreadable(self._generation, self._revision)

    def _newer_generations(self) -> list[int]:
        """Generations to switch to; all of them if the present one is of a removed directory."""
        replaced = self._log is not None and self._log.is_replaced()
        found = self._reader.generations()
        newer = [generation for generation in found if generation > self._generation]
        if newer or not found or not replaced or self._log is None:
            return newer
        # A restored backup counts from its own state: its numbers can't be compared with the
        # present ones.
        self._log.close()
        self._log = None
        self._generation = 0
        self._health.count_anew()
        self._unloadable.clear()
        return found

    def _continue_with(self, generation: int) -> bool:
        """Follow a generation's log if it contains the present revision."""
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
        """Load the first sound one; the last candidate is the one that is loaded already."""
        spoiled = False
        for generation in candidates:
            if generation == self._generation and not spoiled:
                return
            log = None
            try:
                with self._reader.snapshot(generation) as snapshot:
                    yield from snapshot.check()
                    log = self._reader.log_after(generation, snapshot)
                    spoiled = True
                    yield from self._load_snapshot(snapshot)
            except Exception as exc:
                _log.error("generation not loaded", generation=generation, error=repr(exc))
                self._health.unreadable(generation, self._revision)
                if spoiled:  # another try would load the present one again, endlessly
                    self._unloadable.add(generation)
                if log is not None:
                    log.close()
                continue
            self._follow(generation, log)
            return

    def _load_snapshot(self, snapshot: EntriesFile) -> Work:
        """Make the tables match a snapshot; unchanged entries stay in force all the time."""
        database_id, revision, policy = snapshot.database_id, snapshot.revision, snapshot.policy
        if database_id != self._database_id or revision < self._revision:
            self._publish.database(None)
        yield from fill(self._tables, snapshot)
        self._apply(SetDrain(snapshot.drain), revision)
        self._apply(SetOverlays(snapshot.overlays), revision)
        self._apply(SetPolicy(policy), revision)
        self._database_id, self._revision = database_id, revision
        self._lost_import, self._incomplete = 0, False
        self._publish.loading(0)
        self._publish.database(database_id)
        self._publish_applied()

    def _follow(self, generation: int, log: LogFollower) -> None:
        if self._log is not None:
            self._log.close()
        self._log, self._generation = log, generation
        self._ahead.clear()
        self._mark = None
        self._look_at_ms = 0
        self._health.followed(generation, self._revision)
