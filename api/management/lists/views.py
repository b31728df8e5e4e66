"""``/blacklist`` and ``/allowlist``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from pydantic_core import to_json

from api.access.audit.service import Actor
from api.common.contract.errors import FieldError, UnprocessableError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.exchange.bodies import Upload
from api.lists.lines import NDJSON, TEXT, Defaults
from api.lists.reading import ShowQuery
from api.lists.schemas import (
    FLEET,
    AllowlistPage,
    BlacklistPage,
    EntriesRequest,
    EntryBody,
    EntryRequest,
    ForceQuery,
    ImportBody,
    ImportQuery,
    OriginQuery,
    PutBody,
    PutRequest,
    RemainingBody,
    RemovedBody,
    RemoveQuery,
    RemoveRequest,
)
from api.lists.wide import refuse_everything
from api.management.dataplane import Dataplane
from api.management.lists import answers
from api.management.lists.importing.service import Importer, ImportRequest, ImportResult
from api.management.lists.ownership import require_owner
from api.management.lists.reading import EntryPage, ListReader
from api.management.lists.removing.filters import Filter
from api.management.lists.removing.service import RemovalResult, Remover
from api.management.lists.rows import Only
from api.management.lists.schemas import ListQuery, ShowBody
from api.management.lists.service import Entry, Lists, Wanted
from api.management.policy.fleet import is_agent
from api.management.revisions.effects import Effects, State
from dataplane.base.networks import Network
from dataplane.statelog import ListName


@dataclass(frozen=True)
class Services:
    """The services that the handlers call; the same for both lists."""

    lists: Lists
    reader: ListReader
    importer: Importer
    remover: Remover
    effects: Effects
    plane: Dataplane


class ListViews:
    """The handlers of one list."""

    def __init__(self, name: ListName, services: Services) -> None:
        self._name = name
        self._lists = services.lists
        self._reader = services.reader
        self._importer = services.importer
        self._remover = services.remover
        self._effects = services.effects
        self._plane = services.plane

    def show(self, call: Call) -> Answer:
        """A page of the list."""
        query: ListQuery = call.query
        state = self._effects.states()  # first: this stores new rejections
        page = self._page(query)
        following = None if page.next is None else answers.make_cursor(page.next)
        found = self._fields(page.entries, state, with_hits=query.hits)
        fields = {self._name: found, "total": page.total, "next_cursor": following}
        return Answer(200, to_json(fields) + b"\n")  # a thousand models would cost a third more

    def get(self, call: Call) -> Answer:
        """One network with the entries of all origins, or the networks that cover it."""
        query: ShowQuery = call.query
        state, network = self._effects.states(), Network.parse(call.path["network"])
        if query.covering:
            found = self._reader.look_up(self._name, network)
            return Answer(200, answers.of_lookup(self._bodies(found.entries, state), found))
        entries = self._lists.get(self._name, network)
        return Answer(200, answers.of_network(self._bodies(entries, state)))

    def add(self, call: Call) -> Answer:
        """Add or replace an entry, or many."""
        request: PutRequest = call.body
        if isinstance(request.root, EntriesRequest):
            return self._add_many(call, request.root)
        require_owner(call.principal, request.root.origin)
        actor = Actor(call.principal, call.request_id, call.remember(_committed))
        wanted = _wanted(request.root, force=call.query.force)
        (entry,) = self._lists.put(actor, self._name, [wanted])
        state = self._effects.settle(entry.revision)
        return answers.to_put(entry, state, self._hits([entry], state)[0])

    def remove(self, call: Call) -> Answer:
        """Remove an entry."""
        query: OriginQuery = call.query
        require_owner(call.principal, query.origin)
        network = Network.parse(call.path["network"])
        actor = Actor(call.principal, call.request_id)
        done = self._lists.remove(actor, self._name, network, query.origin)
        state = self._effects.settle(done.revision)
        return answers.to_remove(network, query.origin, done.remaining, done.revision, state)

    def remove_many(self, call: Call) -> Answer:
        """Remove the entries that a filter selects."""
        query: RemoveQuery = call.query
        require_owner(call.principal, call.body.origin)
        wanted = _filter(call.body, spares_fleet=not is_agent(call.principal))
        if query.dry_run:
            counted = self._remover.count(self._name, wanted)
            return answers.to_remove_many(counted, "in_force", dry_run=True)
        actor = Actor(call.principal, call.request_id, call.remember(_removed))
        result = self._remover.run(actor, self._name, wanted)
        revision = result.revision
        state: State = "in_force" if revision is None else self._effects.settle(revision)
        return answers.to_remove_many(result, state)

    def import_(self, call: Call) -> Answer:
        """Import many entries."""
        query: ImportQuery = call.query
        require_owner(call.principal, query.origin)
        upload: Upload = call.body
        forced = _is_forced(query.force, query.origin)
        request = ImportRequest(
            list=self._name,
            source=upload.path,
            size_bytes=upload.size_bytes,
            media_type=upload.media_type,
            defaults=Defaults(query.reason, query.duration_seconds, forced),
            origin=query.origin,
            on_conflict=query.on_conflict,
            on_error=query.on_error,
        )
        actor = Actor(call.principal, call.request_id, call.remember(_imported))
        result = self._importer.run(actor, request)
        revision = result.revision
        state: State = "in_force" if revision is None else self._effects.settle(revision)
        return answers.to_import(result, state)

    def _page(self, query: ListQuery) -> EntryPage:
        only = Only.of(query, origin=query.origin)
        if query.sort == "ip":
            after = answers.read_cursor(query.cursor)
            return self._reader.page(self._name, after, query.limit, only)
        if query.sort == "hits":
            return self._reader.most_hit(self._name, query.limit, only)
        return self._reader.first(self._name, query.sort, query.limit, only)

    def _add_many(self, call: Call, request: EntriesRequest) -> Answer:
        for n, each in enumerate(request.entries):
            require_owner(call.principal, each.origin, f"entries.{n}.origin")
        wanted = [
            _wanted(each, f"entries.{n}.", force=call.query.force)
            for n, each in enumerate(request.entries)
        ]
        _refuse_repeats(wanted)
        actor = Actor(call.principal, call.request_id, call.remember(_committed_many))
        entries = self._lists.put(actor, self._name, wanted)
        state = self._effects.settle(entries[0].revision)
        return answers.to_put_many(entries, state, self._hits(entries, state))

    def _hits(self, entries: Sequence[Entry], state: State) -> list[int | None]:
        """Hits of entries just written; new networks have none yet."""
        if state != "in_force":
            return [None] * len(entries)
        known = [(each.list, each.network) for each in entries if not each.is_first]
        hits = self._plane.hits(known) if known else {}
        return [0 if each.is_first else hits.get((each.list, each.network)) for each in entries]

    def _bodies(
        self, entries: Sequence[Entry], state: Callable[[int, str | None], State]
    ) -> list[EntryBody]:
        return [EntryBody(**fields) for fields in self._fields(entries, state)]

    def _fields(
        self,
        entries: Sequence[Entry],
        state: Callable[[int, str | None], State],
        *,
        with_hits: bool = True,
    ) -> list[dict[str, Any]]:
        keys = [(each.list, each.network) for each in entries] if with_hits else []
        hits = self._plane.hits(list(dict.fromkeys(keys))) if keys else {}
        return [
            answers.fields_of(each, state(each.revision, each.rejected), hits.get(key))
            for each, key in zip_longest(entries, keys)
        ]


def operations(views: ListViews, name: ListName) -> list[Operation]:
    """The operations on a list."""
    path, page = f"/{name}", BlacklistPage if name == "blacklist" else AllowlistPage
    read, operate = Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            path,
            views.show,
            f"The {name}, a page at a time, under filters",
            read,
            {200: page},
            errors=(503,),
            query=ListQuery,
            etag=True,
        ),
        Operation(
            "POST",
            path,
            views.add,
            f"Add one to a thousand addresses or prefixes to the {name}; "
            "200 when existing entries are replaced",
            operate,
            {200: PutBody, 201: PutBody, 202: PutBody},
            errors=(409, 503),
            query=ForceQuery,
            body=PutRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            path + "/{network}",
            views.get,
            f"One network of the {name} with all its entries, or the entry that covers it",
            read,
            {200: ShowBody},
            errors=(404,),
            query=ShowQuery,
            etag=True,
        ),
        Operation(
            "DELETE",
            path + "/{network}",
            views.remove,
            f"Remove an origin's entry from the {name}; 202 when that is not in force yet",
            operate,
            {200: RemainingBody, 204: None, 202: RemainingBody},
            errors=(404, 503),
            query=OriginQuery,
        ),
        Operation(
            "POST",
            path + "/remove",
            views.remove_many,
            f"Remove entries from the {name} by network, reason, creator or origin, all or none",
            operate,
            {200: RemovedBody, 202: RemovedBody},
            errors=(503,),
            query=RemoveQuery,
            body=RemoveRequest,
            idempotent=True,
        ),
        Operation(
            "POST",
            path + "/import",
            views.import_,
            f"Add up to a million addresses and prefixes to the {name} in one change",
            operate,
            {200: ImportBody, 201: ImportBody, 202: ImportBody},
            errors=(409, 503),
            query=ImportQuery,
            uploads=(TEXT, NDJSON),
            idempotent=True,
        ),
    ]


def _wanted(request: EntryRequest, prefix: str = "", *, force: bool) -> Wanted:
    network, seconds, field = Network.parse(request.ip), request.duration_seconds, f"{prefix}ip"
    if not _is_forced(force, request.origin):
        refuse_everything(network, field)
    return Wanted(network, request.reason, seconds, request.origin, field)


def _is_forced(force: bool, origin: str) -> bool:
    """Whether the request is confirmed: by ``force``, or in the orchestrator for entries of the
    fleet."""
    return force or origin == FLEET


def _refuse_repeats(wanted: Sequence[Wanted]) -> None:
    first: dict[tuple[Network, str], Wanted] = {}
    for each in wanted:
        earlier = first.setdefault((each.network, each.origin), each)
        if earlier is not each:
            message = f"{each.field}: {each.network} repeats {earlier.field}"
            limit = "each network once for each origin"
            what = FieldError(each.field, str(each.network), limit, message)
            raise UnprocessableError(message, errors=[what])


def _filter(request: RemoveRequest, *, spares_fleet: bool) -> Filter:
    networks = None
    if request.networks is not None:
        networks = tuple(dict.fromkeys(map(Network.parse, request.networks)))
    return Filter(networks, request.reason, request.created_by, request.origin, spares_fleet)


def _committed(entries: list[Entry], _revision: int) -> Answer:
    return answers.to_put(entries[0], "pending", None)


def _committed_many(entries: list[Entry], _revision: int) -> Answer:
    return answers.to_put_many(entries, "pending", [None] * len(entries))


def _imported(result: ImportResult, revision: int) -> Answer:
    return answers.to_import(replace(result, revision=revision), "pending")


def _removed(result: RemovalResult, revision: int) -> Answer:
    return answers.to_remove_many(replace(result, revision=revision), "pending")
