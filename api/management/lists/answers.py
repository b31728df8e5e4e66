"""Converts results of the services of the lists to bodies of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.common.contract.operations import Answer
from api.common.contract.schemas import rfc3339
from api.lists.answers import fields_of_lines
from api.lists.looking_up import LookUp
from api.lists.schemas import (
    EntriesBody,
    EntryBody,
    ImportBody,
    NetworkBody,
    PutEntryBody,
    RemainingBody,
    RemovedBody,
)
from api.management.lists.importing.service import ImportResult
from api.management.lists.removing.service import RemovalResult
from api.management.lists.rows import Place
from api.management.lists.schemas import LookupBody
from api.management.lists.service import Entry
from api.management.revisions.effects import State
from api.management.revisions.location import location
from dataplane.base.networks import Network

_KEY_BYTES = 16


def fields_of(entry: Entry, state: State, hits: int | None) -> dict[str, Any]:
    """The fields of an `EntryBody`, as its JSON has them."""
    ends = entry.expires_utc_ms
    fields: dict[str, Any] = {
        "ip": str(entry.network),
        "origin": entry.origin,
        "reason": entry.reason,
        "duration_seconds": entry.duration_s,
        "created_at": rfc3339(entry.created_ms),
        "expires_at": None if ends is None else rfc3339(ends),
        "created_by": entry.created_by,
        "hits": hits,
        "state": state,
        "revision": entry.revision,
    }
    if entry.warnings:
        fields["warnings"] = list(entry.warnings)
    return fields


def of_network(bodies: Sequence[EntryBody]) -> NetworkBody:
    """All entries of a network, the one that lasts longest first."""
    first, *others = bodies
    return NetworkBody(**{**dict(first), "others": others})


def of_lookup(bodies: Sequence[EntryBody], found: LookUp[Entry]) -> LookupBody:
    """The result of a look-up, with the entries of the network that is shown."""
    return LookupBody(**dict(of_network(bodies)), **found.fields())


def to_put(entry: Entry, state: State, hits: int | None) -> Answer:
    """The answer to a POST of one entry."""
    body = EntryBody(**fields_of(entry, state, hits))
    if state != "in_force":
        return Answer(202, body, location(entry.revision))
    where = {"Location": f"/api/v1/{entry.list}/{str(entry.network).replace('/', '%2F')}"}
    return Answer(201, body, where) if entry.is_new else Answer(200, body)


def to_put_many(entries: Sequence[Entry], state: State, hits: Sequence[int | None]) -> Answer:
    """The answer to a POST of several entries."""
    created, revision = sum(entry.is_new for entry in entries), entries[0].revision
    body = EntriesBody(
        revision=revision,
        state=state,
        created=created,
        replaced=len(entries) - created,
        entries=[
            PutEntryBody(
                **fields_of(entry, state, count),
                result="created" if entry.is_new else "replaced",
            )
            for entry, count in zip(entries, hits, strict=True)
        ],
    )
    status = 202 if state != "in_force" else 201 if created else 200
    return Answer(status, body, {} if status == 200 else location(revision))  # noqa: PLR2004


def to_remove(
    network: Network, origin: str, remaining: Sequence[str], revision: int, state: State
) -> Answer:
    """The answer to a DELETE; it has a body if other origins still hold the network."""
    where = {} if state == "in_force" else location(revision)
    if not remaining:
        return Answer(202 if where else 204, None, where)
    body = RemainingBody(
        ip=str(network),
        origin=origin,
        remaining=list(remaining),
        revision=revision,
        state=state,
    )
    return Answer(202 if where else 200, body, where)


def to_import(result: ImportResult, state: State) -> Answer:
    """The answer to an import; without a revision there was nothing to add."""
    skipped = [(line, str(network), why) for line, network, why in result.skipped_lines]
    of_lines = fields_of_lines(result.found, result.added, result.replaced, skipped)
    body = ImportBody(revision=result.revision, state=state, **of_lines)
    if result.revision is None:
        return Answer(200, body)
    return Answer(201 if state == "in_force" else 202, body, location(result.revision))


def to_remove_many(result: RemovalResult, state: State, *, dry_run: bool = False) -> Answer:
    """The answer to a removal in bulk."""
    body = RemovedBody(
        revision=result.revision,
        state="dry_run" if dry_run else state,
        removed=sum(result.removed.values()),
        removed_by_origin=dict(result.removed),
        kept_of_fleet=result.kept_of_fleet,
    )
    if result.revision is None or state == "in_force":
        return Answer(200, body)
    return Answer(202, body, location(result.revision))


def make_cursor(place: Place) -> str:
    """The position of the next page, as text."""
    raw = place.network.key + bytes([place.network.prefix_length])
    return (raw + place.origin.encode()).hex()


def read_cursor(text: str | None) -> Place | None:
    """The reverse of `make_cursor`."""
    if text is None:
        return None
    raw = bytes.fromhex(text)
    network = Network(raw[:_KEY_BYTES], raw[_KEY_BYTES])
    return Place(network, raw[_KEY_BYTES + 1 :].decode("latin-1"))
