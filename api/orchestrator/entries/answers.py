"""Converts results of the services of the fleet's lists to bodies of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.common.contract.operations import Answer
from api.common.contract.schemas import rfc3339
from api.lists.answers import fields_of_lines
from api.orchestrator.entries.importing import ImportResult
from api.orchestrator.entries.schemas import (
    EntriesBody,
    FleetEntryBody,
    ImportBody,
    PutEntryBody,
    RemovedBody,
)
from api.orchestrator.entries.service import Entry


def fields_of(entry: Entry) -> dict[str, Any]:
    """The fields of a `FleetEntryBody`."""
    return {
        "ip": str(entry.network),
        "reason": entry.reason,
        "duration_seconds": entry.duration_s,
        "created_at": rfc3339(entry.created_ms),
        "expires_at": None if entry.expires_ms is None else rfc3339(entry.expires_ms),
        "created_by": entry.created_by,
        "revision": entry.change,
        "warnings": list(entry.warnings),
    }


def to_put(entry: Entry) -> Answer:
    """The answer to a POST of one entry."""
    body = FleetEntryBody(**fields_of(entry))
    where = {"Location": f"/api/v1/{entry.list}/{str(entry.network).replace('/', '%2F')}"}
    return Answer(201, body, where) if entry.is_new else Answer(200, body)


def to_put_many(entries: Sequence[Entry]) -> Answer:
    """The answer to a POST of several."""
    created = sum(entry.is_new for entry in entries)
    body = EntriesBody(
        revision=entries[0].change,
        created=created,
        replaced=len(entries) - created,
        entries=[
            PutEntryBody(**fields_of(each), result="created" if each.is_new else "replaced")
            for each in entries
        ],
    )
    return Answer(201 if created else 200, body)


def to_import(result: ImportResult, change: int | None) -> Answer:
    """The answer to an import; without a change there was nothing to add."""
    body = ImportBody(
        revision=change,
        **fields_of_lines(result.found, result.added, result.replaced, result.skipped_lines),
    )
    return Answer(200 if change is None else 201, body)


def to_remove_many(count: int, change: int | None) -> Answer:
    """The answer to a removal in bulk."""
    return Answer(200, RemovedBody(revision=change, removed=count))
