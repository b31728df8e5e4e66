"""The policy in force and the former ones; each is a revision.

Documents are stored as validated, and shown as stored. A stricter release refuses an old document
only when it is to be applied again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from api.access.audit.service import Actor, Difference
from api.common.contract.errors import NotFoundError
from api.common.policies import DEFAULT, told
from api.management.database.tables import policies, revisions
from api.management.lists import neighbors
from api.management.policy import fleet
from api.management.policy.exemptions import Exemptions
from api.management.policy.fleet import Ruling
from api.management.revisions.publisher import Outcome, Publisher
from api.management.rules.rows import groups
from api.storage.database import AnyRow
from api.storage.sqlite import Database
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.policy import (
    Change,
    PolicyDocument,
    Stored,
    changes,
    parse_policy,
    profiles_of,
    rules_of,
)
from dataplane.statelog import SetPolicy

HISTORY_MAX = 100
"""Former policies that are kept; the next change removes older ones."""

_NEWEST = select(func.max(policies.c.revision)).scalar_subquery()
_FORGET = delete(policies).where(
    policies.c.revision
    <= select(policies.c.revision)
    .order_by(policies.c.revision.desc())
    .offset(HISTORY_MAX)
    .limit(1)
    .scalar_subquery()
)


@dataclass(frozen=True)
class Policy:
    """A policy and its origin; revision 0: no policy was ever set."""

    document: Stored
    revision: int = 0
    action: str = ""
    created_ms: int | None = None
    created_by: str | None = None

    @property
    def name(self) -> str:
        """The name in the document."""
        return str(self.document.get("name", ""))

    @property
    def profile_count(self) -> int:
        """Profiles beside the default one."""
        return len(list(profiles_of(self.document))) - 1

    @property
    def rule_count(self) -> int:
        """Rules of all profiles together."""
        return sum(len(rules_of(profile)) for _, profile in profiles_of(self.document))


@dataclass(frozen=True)
class Made:
    """The changes that a policy makes, and warnings about it."""

    changes: list[Change]
    warnings: list[str]
    name: str
    """The document's changes."""
    replaces: int = 0
    """The revision of the former policy; 0: none was set."""
    of_revision: int | None = None
    """The revision of the policy that a rollback has restored; 0: the default policy."""


Committed: TypeAlias = tuple[int, Made]
"""The revision and its result."""


class Policies:
    """All policies of a node."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, exemptions: Exemptions
    ) -> None:
        self._database = database
        self._clock = clock
        self._publisher = publisher
        self._exemptions = exemptions

    def current(self) -> Policy:
        """The newest policy; the state of its revision says whether it is in force."""
        with self._database.read() as connection:
            return _newest(connection)

    def get(self, revision: int) -> Policy:
        """The policy of a revision. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return _find(connection, revision)

    def page(self, limit: int, before: int | None) -> tuple[list[Policy], int, int | None]:
        """A page, newest first; the number of all; and the position of the next page."""
        query = _all().order_by(policies.c.revision.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(policies.c.revision < before)
        with self._database.read() as connection:
            found = [_policy(row) for row in connection.execute(query)]
            total = connection.execute(select(func.count()).select_from(policies)).scalar_one()
        return found[:limit], total, found[limit - 1].revision if len(found) > limit else None

    def fleet(self) -> Ruling | None:
        """The fleet's policy for this node; None: the node has its own policy."""
        with self._database.read() as connection:
            return fleet.read(connection)

    def plan(self, document: PolicyDocument, *, accept_exempt: bool) -> Made:
        """The changes that a document would make. Raises the errors of `put`."""
        warnings = self._warnings(document, accept_exempt)
        ruling = self.fleet()
        if ruling is not None and not ruling.overridden:
            warnings.append(f"the fleet's policy (number {ruling.number}) rules: set override=true")
        current = self.current()
        found = changes(current.document, document)
        return Made(found, warnings, document.name, current.revision)

    def put(
        self, actor: Actor, document: PolicyDocument, *, accept_exempt: bool, override: bool = False
    ) -> Committed:
        """Make a document the policy.

        Raises `ConflictError`: see `Exemptions`, or the fleet's policy is in force and not
        overridden.
        """
        admit = partial(fleet.admit_local, override=override)
        return self._commit(actor, "policy.put", document, accept_exempt, admit)

    def put_of_fleet(
        self, actor: Actor, document: PolicyDocument, new: Ruling, *, accept_exempt: bool
    ) -> Committed:
        """Make the fleet's document the policy. Raises `ConflictError`: it is overridden on this
        node."""

        def admit(connection: Connection) -> None:
            fleet.take(connection, new, to_json(document), _newest(connection).document)

        return self._commit(actor, "policy.fleet", document, accept_exempt, admit)

    def rollback(
        self, actor: Actor, revision: int | None, *, accept_exempt: bool, override: bool = False
    ) -> Committed:
        """Apply a former policy again; None: the one before the newest.

        Before the first policy there was the default. Raises `NotFoundError`, `InvalidInputError`
        if this release refuses that policy, and the errors of `put`.
        """
        with self._database.read() as connection:
            found = _find(connection, revision) if revision else _before_newest(connection)
        admit = partial(fleet.admit_local, override=override)
        document = _validated(found)
        what = (document, accept_exempt, admit, found.revision)
        return self._commit(actor, "policy.rollback", *what)

    def give_back(self, actor: Actor) -> Committed:
        """Remove the override: the fleet's last policy is the policy. Raises `NotFoundError`."""
        return self._restore(actor, "policy.give_back", fleet.give_back)

    def release(self, actor: Actor) -> Committed:
        """End the fleet's rule: the policy before it is the policy. Raises `NotFoundError`."""
        return self._restore(actor, "policy.release", fleet.release)

    def _commit(
        self,
        actor: Actor,
        action: str,
        document: PolicyDocument,
        accept_exempt: bool,
        admit: Callable[[Connection], None],
        of_revision: int | None = None,
    ) -> Committed:
        warnings = self._warnings(document, accept_exempt)

        def apply(connection: Connection, revision: int) -> Outcome[Made]:
            admit(connection)
            return _insert(connection, revision, document, warnings, of_revision)

        made, revision = self._publisher.commit(actor, action, apply)
        return revision, made

    def _restore(
        self, actor: Actor, action: str, which: Callable[[Connection], Stored | None]
    ) -> Committed:
        """Restore a document that was in force or was sent; the allowlist is not checked again."""

        def apply(connection: Connection, revision: int) -> Outcome[Made]:
            found = which(connection) or _newest(connection).document
            return _insert(connection, revision, parse_policy(found), [])

        made, revision = self._publisher.commit(actor, action, apply)
        return revision, made

    def _warnings(self, document: PolicyDocument, accept_exempt: bool) -> list[str]:
        """Warnings about a document. Raises `ConflictError` (see `Exemptions`)."""
        found = self._exemptions.check(document, accept=accept_exempt)
        named = [one.network for one in document.neighbors]
        with self._database.read() as connection:
            found += neighbors.banned(connection, named, self._clock.boot_ms())
            empty = document.waf_groups - groups(connection)
        return found + [
            f"no rule of the WAF is in the group {name!r}: nothing is switched by it until one is"
            for name in sorted(empty)
        ]


def _insert(
    connection: Connection,
    revision: int,
    document: PolicyDocument,
    warnings: list[str],
    of_revision: int | None = None,
) -> Outcome[Made]:
    before, raw = _newest(connection), to_json(document)
    found = changes(before.document, document)
    made = Made(found, warnings, document.name, before.revision, of_revision)
    connection.execute(insert(policies), {"revision": revision, "document": raw})
    connection.execute(_FORGET)
    seen = Difference(told(before.revision, before.document), told(revision, raw))
    return Outcome(made, [SetPolicy(raw)], document.name, seen)


def to_json(document: PolicyDocument) -> dict[str, Any]:
    """The document as stored and sent."""
    return document.model_dump(mode="json")


def _all() -> Select[Any]:
    columns = (policies.c.document, revisions.c.action, revisions.c.created_ms)
    joined = policies.join(revisions, policies.c.revision == revisions.c.number)
    return select(policies.c.revision, *columns, revisions.c.created_by).select_from(joined)


_BY_REVISION = _all().where(policies.c.revision == bindparam("revision"))
_CURRENT = _all().where(policies.c.revision == _NEWEST)
_BEFORE = _all().where(policies.c.revision < _NEWEST).order_by(policies.c.revision.desc()).limit(1)


def _newest(connection: Connection) -> Policy:
    row = connection.execute(_CURRENT).first()
    return Policy(to_json(DEFAULT)) if row is None else _policy(row)


def _before_newest(connection: Connection) -> Policy:
    row = connection.execute(_BEFORE).first()
    return Policy(to_json(DEFAULT)) if row is None else _policy(row)


def _find(connection: Connection, revision: int) -> Policy:
    row = connection.execute(_BY_REVISION, {"revision": revision}).first()
    if row is None:
        raise NotFoundError(f"no policy of revision {revision} is kept")
    return _policy(row)


def _policy(row: AnyRow) -> Policy:
    return Policy(
        document=row.document,
        revision=row.revision,
        action=row.action,
        created_ms=row.created_ms,
        created_by=row.created_by,
    )


def _validated(policy: Policy) -> PolicyDocument:
    """A former policy, validated again by the rules of this release."""
    try:
        return parse_policy(policy.document)
    except InvalidInputError as error:
        what = f"the policy of revision {policy.revision} is none for this release"
        raise error.of(what) from error
