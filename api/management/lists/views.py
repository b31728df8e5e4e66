"""``/blacklist`` and ``/allowlist``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from api.common.bodies import Upload
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.common.schemas import rfc3339
from api.management.audit.service import Actor
from api.management.dataplane import Dataplane
from api.management.lists.importing.parse import NDJSON, TEXT, Defaults
from api.management.lists.importing.service import Importer, ImportRequest, ImportResult
from api.management.lists.schemas import (
    AllowlistPage,
    BlacklistPage,
    EntryBody,
    EntryRequest,
    ImportBody,
    ImportQuery,
    PageQuery,
    SkippedLine,
)
from api.management.lists.service import Entry, Lists
from api.management.revisions.effects import Effects, State
from dataplane.networks import Network
from dataplane.statelog import ListName

_KEY_BYTES = 16


class ListViews:
    """The handlers of one list."""

    def __init__(
        self, name: ListName, lists: Lists, importer: Importer, effects: Effects, plane: Dataplane
    ) -> None:
        self._name = name
        self._lists = lists
        self._importer = importer
        self._effects = effects
        self._plane = plane

    def show(self, call: Call) -> Answer:
        """A page of the list."""
        query: PageQuery = call.query
        state = self._effects.states()  # first: it stores what was rejected
        page = self._lists.page(self._name, _read_cursor(query.cursor), query.limit)
        following = None if page.next is None else _make_cursor(page.next)
        found = self._bodies(page.entries, state)
        model: type[BaseModel] = BlacklistPage if self._name == "blacklist" else AllowlistPage
        fields = {self._name: found, "total": page.total, "next_cursor": following}
        return Answer(200, model.model_validate(fields))

    def get(self, call: Call) -> Answer:
        """One entry."""
        state = self._effects.states()
        entry = self._lists.get(self._name, Network.parse(call.path["network"]))
        return Answer(200, self._bodies([entry], state)[0])

    def add(self, call: Call) -> Answer:
        """Add or replace an entry."""
        wanted: EntryRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(_committed))
        network, seconds = Network.parse(wanted.ip), wanted.duration_seconds
        entry = self._lists.put(actor, self._name, network, wanted.reason, seconds)
        state = self._effects.settle(entry.revision)
        return _answer_to_add(entry, state, self._hits(entry, state))

    def remove(self, call: Call) -> Answer:
        """Remove an entry."""
        actor = Actor(call.principal, call.request_id)
        revision = self._lists.remove(actor, self._name, Network.parse(call.path["network"]))
        if self._effects.settle(revision) == "in_force":
            return Answer(204)
        return Answer(202, None, _location(revision))

    def import_(self, call: Call) -> Answer:
        """Import many entries."""
        query: ImportQuery = call.query
        upload: Upload = call.body
        request = ImportRequest(
            list=self._name,
            source=upload.path,
            size_bytes=upload.size_bytes,
            media_type=upload.media_type,
            defaults=Defaults(query.reason, query.duration_seconds),
            skip_conflicts=query.on_conflict == "skip",
        )
        actor = Actor(call.principal, call.request_id, call.remember(_imported))
        result = self._importer.run(actor, request)
        if result.revision is None:
            return Answer(200, _import_body(result, "in_force"))
        state = self._effects.settle(result.revision)
        status = 201 if state == "in_force" else 202
        return Answer(status, _import_body(result, state), _location(result.revision))

    def _hits(self, entry: Entry, state: State) -> int | None:
        if entry.is_new or state != "in_force":
            return 0 if state == "in_force" else None
        key = (entry.list, entry.network)
        return self._plane.hits([key]).get(key)

    def _bodies(
        self, entries: Sequence[Entry], state: Callable[[int, str | None], State]
    ) -> list[EntryBody]:
        hits = self._plane.hits([(each.list, each.network) for each in entries]) if entries else {}
        return [
            _body(each, state(each.revision, each.rejected), hits.get((each.list, each.network)))
            for each in entries
        ]


def operations(views: ListViews, name: ListName) -> list[Operation]:
    """What can be done with a list."""
    path, page = f"/{name}", BlacklistPage if name == "blacklist" else AllowlistPage
    read, operate = Role.READ, Role.OPERATE
    entry: dict[int, type[BaseModel] | None] = {200: EntryBody}
    return [
        Operation(
            "GET",
            path,
            views.show,
            f"The {name}, a page at a time",
            read,
            {200: page},
            query=PageQuery,
            etag=True,
        ),
        Operation(
            "POST",
            path,
            views.add,
            f"Put an address or prefix on the {name}; 200 when it was there and is replaced",
            operate,
            {**entry, 201: EntryBody, 202: EntryBody},
            errors=(409, 503),
            body=EntryRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            path + "/{network}",
            views.get,
            f"One entry of the {name}",
            read,
            entry,
            errors=(404,),
            etag=True,
        ),
        Operation(
            "DELETE",
            path + "/{network}",
            views.remove,
            f"Take an entry off the {name}; 202 when that is not in force yet",
            operate,
            {204: None, 202: None},
            errors=(404, 503),
        ),
        Operation(
            "POST",
            path + "/import",
            views.import_,
            f"Put up to a million addresses and prefixes on the {name}, all or none",
            operate,
            {200: ImportBody, 201: ImportBody, 202: ImportBody},
            errors=(409, 503),
            query=ImportQuery,
            uploads=(TEXT, NDJSON),
            idempotent=True,
        ),
    ]


def _answer_to_add(entry: Entry, state: State, hits: int | None) -> Answer:
    body = _body(entry, state, hits)
    if state != "in_force":
        return Answer(202, body, _location(entry.revision))
    where = {"Location": f"/api/v1/{entry.list}/{str(entry.network).replace('/', '%2F')}"}
    return Answer(201, body, where) if entry.is_new else Answer(200, body)


def _committed(entry: Entry, _revision: int) -> Answer:
    return _answer_to_add(entry, "pending", None)


def _imported(result: int, revision: int) -> Answer:
    body = _import_body(ImportResult(revision, result, result, 0, ()), "pending")
    return Answer(202, body, _location(revision))


def _location(revision: int) -> dict[str, str]:
    return {"Location": f"/api/v1/revisions/{revision}"}


def _body(entry: Entry, state: State, hits: int | None) -> EntryBody:
    ends = entry.expires_utc_ms
    return EntryBody(
        ip=str(entry.network),
        reason=entry.reason,
        duration_seconds=entry.duration_s,
        created_at=rfc3339(entry.created_ms),
        expires_at=None if ends is None else rfc3339(ends),
        created_by=entry.created_by,
        hits=hits,
        state=state,
        revision=entry.revision,
        warnings=list(entry.warnings),
    )


def _import_body(result: ImportResult, state: State) -> ImportBody:
    return ImportBody(
        revision=result.revision,
        state=state,
        lines=result.lines,
        added=result.added,
        skipped=result.skipped,
        skipped_lines=[
            SkippedLine(line=line, ip=str(network), why=why)
            for line, network, why in result.skipped_lines
        ],
    )


def _make_cursor(network: Network) -> str:
    raw = network.key + bytes([network.prefix_length])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read_cursor(text: str | None) -> Network | None:
    if text is None:
        return None
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return Network(raw[:_KEY_BYTES], raw[_KEY_BYTES])
