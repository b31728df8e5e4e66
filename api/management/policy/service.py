"""The policy in force and those before it; each is a revision.

Documents are stored as they were validated, so that a rollback brings back exactly what was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from api.common.errors import NotFoundError
from api.management.audit.service import Actor
from api.management.database import AnyRow, Database
from api.management.database.tables import policies, revisions
from api.management.policy.exemptions import Exemptions
from api.management.revisions.publisher import Outcome, Publisher
from dataplane.policy import Change, PolicyDocument, changes, parse_policy
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

    document: PolicyDocument
    revision: int = 0
    action: str = ""
    created_ms: int | None = None
    created_by: str | None = None


@dataclass(frozen=True)
class Made:
    """What a policy changes, and what whoever applies it should know."""

    changes: list[Change]
    warnings: list[str]


Committed: TypeAlias = tuple[int, Made]
"""The revision, and what it made."""


class Policies:
    """All policies of a node."""

    def __init__(self, database: Database, publisher: Publisher, exemptions: Exemptions) -> None:
        self._database = database
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

    def plan(self, document: PolicyDocument, *, accept_exempt: bool) -> Made:
        """What a document would change. Raises what `put` would raise."""
        warnings = self._exemptions.check(document, accept=accept_exempt)
        return Made(changes(self.current().document, document), warnings)

    def put(self, actor: Actor, document: PolicyDocument, *, accept_exempt: bool) -> Committed:
        """Make it the policy. Raises `ConflictError` (see `Exemptions`)."""
        return self._commit(actor, "policy.put", document, accept_exempt)

    def rollback(self, actor: Actor, revision: int | None, *, accept_exempt: bool) -> Committed:
        """Make an earlier policy the newest again; None: the one before the newest.

        Before the first there was the default. Raises `NotFoundError`, and what `put` raises.
        """
        with self._database.read() as connection:
            if revision is None:
                document = _before_newest(connection)
            else:
                document = _find(connection, revision).document
        return self._commit(actor, "policy.rollback", document, accept_exempt)

    def _commit(
        self, actor: Actor, action: str, document: PolicyDocument, accept_exempt: bool
    ) -> Committed:
        warnings = self._exemptions.check(document, accept=accept_exempt)

        def apply(connection: Connection, revision: int) -> Outcome[Made]:
            made = Made(changes(_newest(connection).document, document), warnings)
            raw = to_json(document)
            connection.execute(insert(policies), {"revision": revision, "document": raw})
            connection.execute(_FORGET)
            return Outcome(made, [SetPolicy(raw)], document.name)

        made, revision = self._publisher.commit(actor, action, apply)
        return revision, made


def rule_count(document: PolicyDocument) -> int:
    """Rules of all profiles together."""
    return len(document.rules) + sum(len(profile.rules) for profile in document.profiles)


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
    return Policy(DEFAULT) if row is None else _policy(row)


def _before_newest(connection: Connection) -> PolicyDocument:
    row = connection.execute(_BEFORE).first()
    return DEFAULT if row is None else _policy(row).document


def _find(connection: Connection, revision: int) -> Policy:
    row = connection.execute(_BY_REVISION, {"revision": revision}).first()
    if row is None:
        raise NotFoundError(f"no policy of revision {revision} is kept")
    return _policy(row)


def _policy(row: AnyRow) -> Policy:
    document: Mapping[str, Any] = row.document
    return Policy(
        document=parse_policy(document),
        revision=row.revision,
        action=row.action,
        created_ms=row.created_ms,
        created_by=row.created_by,
    )
