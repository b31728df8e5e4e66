"""Adds, changes and removes rules of the WAF; each change is a revision."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from api.access.audit.service import Actor, Difference
from api.common.contract.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    UnavailableError,
)
from api.common.disk import StorageError, written
from api.management.revisions.publisher import Outcome, Publisher
from api.management.revisions.state import state_policy
from api.management.rules import rows
from api.management.rules.values import (
    Page,
    Stored,
    stored_of,
    values_of,
)
from api.rules import trail
from api.rules.wanted import Wanted, check_end
from api.storage.database import AnyRow
from api.storage.sqlite import Database
from api.storage.statements.upsert import upsert
from api.storage.tables import meta
from dataplane.base.clock import Clock
from dataplane.policy import profiles_of
from dataplane.statelog import PutRule, RemoveRule, StateLogWriter
from dataplane.waf.document import GROUPS_MAX, RULES_MAX, rule_id, to_row

PATTERN_BYTES_SUM_MAX = 32 << 20
"""Limit of all patterns together, for a snapshot of the state log and for compiling."""
STAGED_AT_ONCE = 1000
"""Rows of an import in one transaction; other writes wait for it."""


class Rules:
    """All rules of a node."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, state_log: Path
    ) -> None:
        self._state_log = state_log
        self._database = database
        self._publisher = publisher
        self._clock = clock

    def add(self, actor: Actor, wanted: Wanted) -> Stored:
        """A new rule. Raises `ConflictError` (there is no room), `UnprocessableError` (its end)."""
        check_end(wanted, self._clock.utc_ms(), "expires_at")

        def apply(connection: Connection, revision: int) -> Outcome[Stored]:
            check_room(connection, [wanted], self._clock.boot_ms())
            number = rows.reserve(connection, 1)
            rows.add(connection, [values_of(wanted, number, actor, revision, self._clock)])
            row = rows.find(connection, number, self._clock.boot_ms())
            return self._outcome(row, number)

        return self._publisher.commit(actor, "rules.add", apply)[0]

    def add_many(self, actor: Actor, wanted: Sequence[Wanted]) -> int:
        """Add rules in one revision, all or none; the data plane loads them from a file.

        Returns the revision. Raises `ConflictError`: there is no room.
        """
        with self._database.write() as connection:
            first = rows.reserve(connection, len(wanted))
        made = [
            rows.prepare(values_of(each, number, actor, 0, self._clock))
            for number, each in enumerate(wanted, first)
        ]
        boot_id = self._clock.boot_id()
        with self._publisher.import_file, self._staged(made):
            writer = StateLogWriter(self._state_log, self._clock)
            with written(self._state_log), writer.import_file(f"rules-{first}") as file:
                file.write_rules(
                    to_row(rows.rule_of(rows.values_of(each), boot_id)) for each in made
                )

            def apply(connection: Connection, revision: int) -> Outcome[None]:
                if not (self._state_log / file.file).exists():  # a new generation has deleted it
                    raise UnavailableError("the state log was renewed meanwhile", retry_after_s=1)
                check_room(connection, wanted, self._clock.boot_ms())
                rows.add_staged(connection, revision)
                upsert(connection, meta, {"name": rows.NEWEST_IMPORT}, {"value": str(revision)})
                return Outcome(None, [file.change()], f"{len(made)} rules")

            try:
                return self._publisher.commit(actor, "rules.import", apply)[1]
            except BaseException:
                if not self._has(first):  # else the line is written to the log later
                    writer.discard_import(file.file)
                raise

    @contextmanager
    def _staged(self, made: Sequence[rows.Prepared]) -> Iterator[None]:
        """Insert staged rows in parts; other writes go on in between."""
        try:
            for start in range(0, len(made), STAGED_AT_ONCE):
                with self._database.write() as connection:
                    if start == 0:  # rows that a crash has left
                        rows.clear_staged(connection)
                    rows.stage(connection, made[start : start + STAGED_AT_ONCE])
            yield
        finally:
            # On a full disk the next import can do so.
            with suppress(StorageError), self._database.write() as connection:
                rows.clear_staged(connection)

    def _has(self, number: int) -> bool:
        with self._database.read() as connection:
            return rows.find(connection, number, 0) is not None

    def check_many(self, wanted: Sequence[Wanted]) -> None:
        """Raise the `ConflictError` that `add_many` would raise now."""
        with self._database.read() as connection:
            check_room(connection, wanted, self._clock.boot_ms())

    def change(self, actor: Actor, number: int, values: Mapping[str, Any]) -> Stored:
        """Change the columns ``action``, ``enabled`` and ``group_name``.

        Raises `NotFoundError`; `ConflictError`: there is no room for one more group, or the rule is
        the fleet's.
        """

        def apply(connection: Connection, revision: int) -> Outcome[Stored]:
            before = self._require(connection, number)
            _refuse_fleet_s(before)
            _check_groups(connection, {values.get("group_name")})
            rows.change(connection, number, {**values, "revision": revision, "rejected": None})
            row = rows.find(connection, number, self._clock.boot_ms())
            return self._outcome(row, number, before)

        return self._publisher.commit(actor, "rules.change", apply)[0]

    def remove(self, actor: Actor, number: int) -> int:
        """Remove a rule; returns the revision.

        Raises `NotFoundError`; `ConflictError`: it is the fleet's.
        """

        def apply(connection: Connection, _revision: int) -> Outcome[None]:
            before = self._require(connection, number)
            _refuse_fleet_s(before)
            rows.remove(connection, number)
            told = Difference(trail.values(before), None)
            return Outcome(None, [RemoveRule(number)], rule_id(number), told)

        return self._publisher.commit(actor, "rules.remove", apply)[1]

    def warnings(self, wanted: Wanted) -> tuple[str, ...]:
        """Warnings: the policy does not have a profile of the rule (it may get one later)."""
        if not wanted.profiles:
            return ()
        with self._database.read() as connection:
            document = state_policy(connection) or {}
        known = {name for name, _ in profiles_of(document)}
        return tuple(
            f"the policy has no profile {name!r}: there the rule is for nothing until it has"
            for name in wanted.profiles
            if name not in known
        )

    def get(self, number: int) -> Stored:
        """One rule. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return stored_of(self._require(connection, number))

    def find(self, numbers: Collection[int]) -> dict[int, Stored]:
        """The existing rules with these numbers; at most 1,000 numbers."""
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            found = rows.find_many(connection, numbers, boot_ms)
        return {row.number: stored_of(row) for row in found}

    def page(self, after: int, limit: int, origin: str | None = None) -> Page:
        """Rules in the order of their numbers; changes do not affect this order."""
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            found = rows.page(connection, after, limit + 1, boot_ms, origin)
            total = rows.total(connection, boot_ms, origin)
        last = found[limit - 1].number if len(found) > limit else None
        return Page(tuple(map(stored_of, found[:limit])), total, last)

    def _require(self, connection: Connection, number: int) -> AnyRow:
        row = rows.find(connection, number, self._clock.boot_ms())
        if row is None:
            raise NotFoundError(f"there is no rule {rule_id(number)}")
        return row

    def _outcome(
        self, row: AnyRow | None, number: int, before: AnyRow | None = None
    ) -> Outcome[Stored]:
        if row is None:
            raise NotFoundError(f"{rule_id(number)} has ended")
        change = PutRule(to_row(rows.rule_of(row._asdict(), self._clock.boot_id())))
        told = Difference(None if before is None else trail.values(before), trail.values(row))
        return Outcome(stored_of(row), [change], rule_id(number), told)


def check_room(connection: Connection, wanted: Sequence[Wanted], boot_ms: int) -> None:
    """Raise `ConflictError` unless there is room for these rules, their patterns and groups."""
    count, size_bytes = len(wanted), sum(len(each.pattern.encode()) for each in wanted)
    _check_groups(connection, {each.group for each in wanted})
    used, used_bytes = rows.usage(connection, boot_ms)
    if used + count > RULES_MAX:
        raise _full(f"{RULES_MAX} rules", used, count, "rules")
    if used_bytes + size_bytes > PATTERN_BYTES_SUM_MAX:
        limit = f"{PATTERN_BYTES_SUM_MAX} bytes of patterns"
        raise _full(limit, used_bytes, size_bytes, "pattern")


def _refuse_fleet_s(row: AnyRow) -> None:
    """Raise `ConflictError` for a rule of the fleet: the agent would add it again."""
    if row.fleet_id is not None:
        here, there = rule_id(row.number), rule_id(row.fleet_id)
        message = f"{here} is the fleet's {there}: change it at the orchestrator"
        raise ConflictError(
            message, errors=[FieldError("rule", here, "a rule of origin manual", message)]
        )


def _check_groups(connection: Connection, wanted: Collection[str | None]) -> None:
    """Raise `ConflictError` if the groups of all rules would be too many."""
    new = {name for name in wanted if name is not None and not rows.has_group(connection, name)}
    if not new:
        return
    used = len(rows.groups(connection))
    if used + len(new) > GROUPS_MAX:
        raise _full(f"{GROUPS_MAX} groups", used, len(new), "group")


def _full(limit: str, used: int, wanted: int, what: str) -> ConflictError:
    message = f"there is no room: {used} of {limit} used, {wanted} more wanted"
    return ConflictError(message, errors=[FieldError(what, used + wanted, limit, message)])
