"""Seeds the policy of an empty database from a file; nothing else, ever again."""

from __future__ import annotations

from pathlib import Path

import structlog

from api.common.errors import UnavailableError
from api.common.roles import Principal, Role
from api.management.audit.service import Actor
from api.management.database import Database
from api.management.revisions.publisher import Publisher, newest_revision

_ACTOR = Actor(Principal("system", "system", Role.ADMIN, "local"), "start")

log = structlog.get_logger(__name__)


def seed(database: Database, publisher: Publisher, file: Path | None) -> None:
    """Make the file's document the policy if there has never been a revision.

    Raises `InvalidInputError` for a file that is no policy: a typing error must not go unnoticed.
    """
    with database.read() as connection:
        if file is None or newest_revision(connection) > 0:
            return
    from dataplane.policy import load_policy_file  # noqa: PLC0415 - only a first start needs it

    document = load_policy_file(file).model_dump(mode="json")
    try:
        publisher.seed_policy(_ACTOR, document)
    except UnavailableError as exc:  # committed, or to be tried at the next start
        log.warning("the policy is not in force yet", error=str(exc))
