"""The policy in force and those before it; each is a revision.

Documents are stored as they were validated, and shown as they were stored: a release that is
stricter refuses one of them only when it is to be in force again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from api.access.audit.service import Actor, Difference
from api.common.contract.errors import NotFoundError
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
"""Policies that are kept; older ones are forgotten with the next change."""
DEFAULT = PolicyDocument(name="default")
"""What is in force when nobody has said anything: every reason as ``reasons.def`` has it."""

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
    """A policy with where it comes from; revision 0: nobody has set one."""

    document: Stored
    revision: int = 0
    action: str = ""
    created_ms: int | None = None
    created_by: str | None = None

    @property
    def name(self) -> str:
        """Its own name for itself."""
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
    """What a policy changes, and what whoever applies it should know."""

    changes: list[Change]
    warnings: list[str]
    name: str
    """Of the document."""
    replaces: int = 0
    """The revision of the policy that was the newest; 0: nobody had set one."""
    of_revision: int | None = None
    """Of a rollback: the revision that had made the document the policy; 0: the default."""


Committed: TypeAlias = tuple[int, Made]
"""The revision, and what it made."""


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
        """The newest; whether it is in force, its revision says."""
        with self._database.read() as connection:
            return _newest(connection)

    def get(self, revision: int) -> Policy:
        """The policy that a revision made. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return _find(connection, revision)

    def page(self, limit: int, before: int | None) -> tuple[list[Policy], int, int | None]:
        """Newest first; the number of all; and where the next page begins."""
        query = _all().order_by(policies.c.revision.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(policies.c.revision < before)
        with self._database.read() as connection:
            found = [_policy(row) for row in connection.execute(query)]
            total = connection.execute(select(func.count()).select_from(policies)).scalar_one()
        return found[:limit], total, found[limit - 1].revision if len(found) > limit else None

    def fleet(self) -> Ruling | None:
        """The fleet's policy that rules this node; None: its policy is its own."""
        with self._database.read() as connection:
            return fleet.read(connection)

    def plan(self, document: PolicyDocument, *, accept_exempt: bool) -> Made:
        """What a document would change. Raises what `put` would raise."""
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
        """Make it the policy.

        Raises `ConflictError`: see `Exemptions`, or the fleet rules and this is not to override it.
        """
        admit = partial(fleet.admit_local, override=override)
        return self._commit(actor, "policy.put", document, accept_exempt, admit)

    def put_of_fleet(
        self, actor: Actor, document: PolicyDocument, new: Ruling, *, accept_exempt: bool
    ) -> Committed:
        """Make the fleet's document the policy. Raises `ConflictError`: it is overridden here."""

        def admit(connection: Connection) -> None:
            fleet.take(connection, new, to_json(document), _newest(connection).document)

        return self._commit(actor, "policy.fleet", document, accept_exempt, admit)

    def rollback(
        self, actor: Actor, revision: int | None, *, accept_exempt: bool, override: bool = False
    ) -> Committed:
        """Apply an earlier policy again; None: the one before the newest.

        Before the first there was the default. Raises `NotFoundError`, `InvalidInputError` when
        this release refuses that policy, and what `put` raises.
        """
        with self._database.read() as connection:
            found = _find(connection, revision) if revision else _before_newest(connection)
        admit = partial(fleet.admit_local, override=override)
        document = _validated(found)
        what = (document, accept_exempt, admit, found.revision)
        return self._commit(actor, "policy.rollback", *what)

    def give_back(self, actor: Actor) -> Committed:
        """The fleet rules again: what it sent last is the policy. Raises `NotFoundError`."""
        return self._restore(actor, "policy.give_back", fleet.give_back)

    def release(self, actor: Actor) -> Committed:
        """No fleet rules any more: what was before it is the policy. Raises `NotFoundError`."""
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
        """A document that was in force, or was sent, whatever the allowlist has become since."""

        def apply(connection: Connection, revision: int) -> Outcome[Made]:
            found = which(connection) or _newest(connection).document
            return _insert(connection, revision, parse_policy(found), [])

        made, revision = self._publisher.commit(actor, action, apply)
        return revision, made

    def _warnings(self, document: PolicyDocument, accept_exempt: bool) -> list[str]:
        """Raises `ConflictError` (see `Exemptions`)."""
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
    told = Difference(_told(before.revision, before.document), _told(revision, raw))
    return Outcome(made, [SetPolicy(raw)], document.name, told)


def _told(revision: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as the audit trail has it: the whole stands under its revision."""
    mode = document.get("mode", DEFAULT.mode.value)
    return {"revision": revision, "name": document.get("name"), "mode": mode}


def to_json(document: PolicyDocument) -> dict[str, Any]:
    """A document as it is stored and sent."""
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
    """A policy that was, to be in force again: by what this release takes."""
    try:
        return parse_policy(policy.document)
    except InvalidInputError as error:
        what = f"the policy of revision {policy.revision} is none for this release"
        raise error.of(what) from error
