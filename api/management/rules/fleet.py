"""The fleet's rules on this node: only the agent adds and removes them.

A rule of the fleet has a number of this node, and beside it the fleet's number. Requests of the
agent are idempotent. A rule that this node can't accept is left out and reported; the others are
applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.access.audit.service import Actor
from api.common.contract.errors import ConflictError, FieldError
from api.management.revisions.publisher import Outcome, Publisher
from api.management.rules import rows
from api.management.rules.admission import Admissions, explained
from api.management.rules.service import check_room
from api.management.rules.values import values_of
from api.rules.wanted import Wanted
from api.storage.database import AnyRow
from api.storage.sqlite import Database
from dataplane.base.clock import Clock
from dataplane.client.compiler import Candidate
from dataplane.statelog import Change, PutRule, RemoveRule
from dataplane.waf.document import to_row

PATTERN_BYTES_MAX = 1 << 17
"""Limit of all rules in one request: they have to fit into one line of the state log."""
END_MS_OFF_MAX = 5_000
"""Ends that differ by at most so much count as equal."""
_SAME = ("pattern", "action", "severity", "name", "group_name", "targets", "profiles", "enabled")


@dataclass(frozen=True)
class Done:
    """The result; no revision: nothing had to be changed."""

    revision: int | None
    put: int = 0
    removed: int = 0


class FleetRules:
    """All rules of the fleet on this node."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, admissions: Admissions
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._admissions = admissions

    def apply(
        self, actor: Actor, wanted: Mapping[int, Wanted], removed: Sequence[int]
    ) -> tuple[Done, dict[int, str]]:
        """Put and remove rules by the fleet's numbers; returns also the refused ones with reasons.

        Raises `ConflictError`: there is no room.
        """
        _check_size(wanted)
        new = self._changed(wanted)
        refused = self._refused(new)
        new = {number: each for number, each in new.items() if number not in refused}
        gone = [*dict.fromkeys([*removed, *refused])]
        if not new and not self._there(gone):
            return Done(None), refused

        def apply(connection: Connection, revision: int) -> Outcome[Done]:
            before = self._remove(connection, [*new, *gone])
            check_room(connection, [*new.values()], self._clock.boot_ms())
            changes: list[Change] = [RemoveRule(row.number) for row in before.values()]
            changes += self._add(connection, actor, new, revision)
            count = len(before.keys() - new.keys())
            target = f"{len(new)} rules put, {count} removed"
            return Outcome(Done(revision, len(new), count), changes, target)

        return self._publisher.commit(actor, "rules.fleet", apply)[0], refused

    def _changed(self, wanted: Mapping[int, Wanted]) -> dict[int, Wanted]:
        """Rules that this node does not have, or has with other values."""
        there = self._there([*wanted])
        return {
            number: each
            for number, each in wanted.items()
            if number not in there or not self._is_same(each, there[number])
        }

    def _is_same(self, wanted: Wanted, row: AnyRow) -> bool:
        values = {
            "pattern": wanted.pattern,
            "action": wanted.action,
            "severity": wanted.severity,
            "name": wanted.name,
            "group_name": wanted.group,
            "targets": list(wanted.targets),
            "profiles": list(wanted.profiles),
            "enabled": int(wanted.enabled),
        }
        now = row._asdict()
        if any(values[name] != now[name] for name in _SAME):
            return False
        ends, now_ends = wanted.expires_utc_ms, row.expires_utc_ms
        if ends is None or now_ends is None:
            return ends is now_ends
        return bool(abs(ends - now_ends) <= END_MS_OFF_MAX)

    def _there(self, numbers: Sequence[int]) -> dict[int, AnyRow]:
        with self._database.read() as connection:
            return rows.find_of_fleet(connection, numbers, self._clock.boot_ms())

    def _refused(self, wanted: Mapping[int, Wanted]) -> dict[int, str]:
        """Rules that the compile helper refuses; while it is away, the data plane reports them
        later."""
        candidates = [Candidate(each.pattern, each.targets) for each in wanted.values()]
        found = self._admissions.ask(candidates) if candidates else []
        if found is None:
            return {}
        both = zip(wanted, found, strict=True)
        return {number: explained(each) for number, each in both if not each.is_admitted}

    def _remove(self, connection: Connection, numbers: Sequence[int]) -> dict[int, AnyRow]:
        found = rows.find_of_fleet(connection, numbers, self._clock.boot_ms())
        rows.remove_of_fleet(connection, numbers)
        return found

    def _add(
        self, connection: Connection, actor: Actor, wanted: Mapping[int, Wanted], revision: int
    ) -> list[Change]:
        if not wanted:
            return []
        first = rows.reserve(connection, len(wanted))
        made: list[dict[str, Any]] = [
            values_of(each, number, actor, revision, self._clock, fleet_id)
            for number, (fleet_id, each) in enumerate(wanted.items(), first)
        ]
        rows.add(connection, made)
        boot_id = self._clock.boot_id()
        return [PutRule(to_row(rows.rule_of(values, boot_id))) for values in made]


def _check_size(wanted: Mapping[int, Wanted]) -> None:
    size = sum(len(each.pattern.encode()) for each in wanted.values())
    if size > PATTERN_BYTES_MAX:
        limit = f"{PATTERN_BYTES_MAX} bytes of patterns"
        message = f"put: {size} bytes of patterns, the limit is {PATTERN_BYTES_MAX}: put fewer"
        raise ConflictError(message, errors=[FieldError("put", size, limit, message)])
