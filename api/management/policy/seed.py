"""Sets the policy of an empty database from a file; a database with revisions is never changed."""

from __future__ import annotations

from pathlib import Path

import structlog

from api.access.audit import service as audit
from api.common.contract.errors import UnavailableError
from api.common.disk import StorageError
from api.management.revisions.publisher import Publisher, newest_revision
from api.storage.sqlite import Database

log = structlog.get_logger(__name__)


def seed(database: Database, publisher: Publisher, file: Path | None) -> None:
    """Make the file's document the policy if the database has never had a revision.

    Raises `InvalidInputError` for a file that is not a valid policy: a typing error must not go
    unnoticed.
    """
    with database.read() as connection:
        if file is None or newest_revision(connection) > 0:
            return
    from dataplane.policy import load_policy_file  # noqa: PLC0415 - only a first start needs it

    document = load_policy_file(file).model_dump(mode="json")
    try:
        publisher.seed_policy(audit.system("start"), document)
    except StorageError:  # tried again when there is room
        raise
    except UnavailableError as exc:  # committed, or tried again at the next start
        log.warning("the policy is not in force yet", error=str(exc))
