"""``/blacklist`` and ``/allowlist`` of the fleet, for operators and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from api.access.audit.service import Actor
from api.common.contract.errors import FieldError, UnprocessableError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import Strict
from api.common.exchange.bodies import Upload
from api.lists import kinds
from api.lists.filters import Only
from api.lists.lines import NDJSON, TEXT, Defaults
from api.lists.reading import ShowQuery
from api.lists.schemas import ForceQuery, LineRequest, LinesQuery, RemoveQuery
from api.lists.wide import refuse_everything
from api.orchestrator.entries import answers, importing, rows
from api.orchestrator.entries.following import followed
from api.orchestrator.entries.importing import Importer
from api.orchestrator.entries.removing import Filter, Remover
from api.orchestrator.entries.schemas import (
    AllowlistPage,
    BlacklistPage,
    EntriesRequest,
    FleetEntryBody,
    FollowedLists,
    FollowQuery,
    ImportBody,
    LookupBody,
    PageQuery,
    PutBody,
    PutRequest,
    RemovedBody,
    RemoveRequest,
    ShowBody,
    SpreadEntryBody,
)
from api.orchestrator.entries.service import EntryPage, FleetLists, Wanted
from api.orchestrator.following.part import FollowedPart
from api.orchestrator.following.spread import Spread, revision_location
from api.orchestrator.nodes.views import own_node
from api.storage.database import Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import ListName


class ConfirmedBody(Strict):
    """The change at which it was confirmed."""

    revision: int


@dataclass(frozen=True)
class Services:
    """The services that the handlers use."""

    lists: FleetLists
    importer: Importer
    remover: Remover
    followed: FollowedPart[FollowQuery]
    spread: Spread

    @classmethod
    def make(cls, database: Database, clock: Clock) -> Services:
        """Make the services, for the threads of one worker."""
        lists = FleetLists(database, clock)
        log = lists.log
        return cls(
            lists,
            Importer(database, clock, log),
            Remover(database, clock, log),
            followed(database, clock, log),
            Spread(database, clock, log),
        )


class ListViews:
    """The handlers of one list."""

    def __init__(self, name: ListName, services: Services) -> None:
        self._name = name
        self._lists = services.lists
        self._bulk = services

    def show(self, call: Call) -> Answer:
        """A page of the list."""
        query: PageQuery = call.query
        page = self._page(query)
        model: type[BaseModel] = BlacklistPage if self._name == "blacklist" else AllowlistPage
        fields = {
            self._name: [FleetEntryBody(**answers.fields_of(each)) for each in page.entries],
            "total": page.total,
            "next_cursor": None if page.next is None else rows.item_of(page.next).hex(),
        }
        return Answer(200, model.model_validate(fields))

    def get(self, call: Call) -> Answer:
        """One entry, or the networks that cover a network."""
        query: ShowQuery = call.query
        network, counts = Network.parse(call.path["network"]), self._bulk.spread.counts
        if query.covering:
            found = self._lists.look_up(self._name, network)
            (entry,) = found.entries
            fields = answers.fields_of(entry) | found.fields()
            return Answer(200, LookupBody(**fields, nodes=counts(entry.change)))
        entry = self._lists.get(self._name, network)
        fields = answers.fields_of(entry)
        return Answer(200, SpreadEntryBody(**fields, nodes=counts(entry.change)))

    def add(self, call: Call) -> Answer:
        """Add or replace an entry, or many."""
        request: PutRequest = call.body
        if isinstance(request.root, EntriesRequest):
            return self._add_many(call, request.root)
        actor = Actor(
            call.principal, call.request_id, call.remember(lambda made, _: answers.to_put(*made))
        )
        wanted = _wanted(request.root, force=call.query.force)
        return answers.to_put(*self._lists.put(actor, self._name, [wanted]))

    def remove(self, call: Call) -> Answer:
        """Remove an entry."""
        actor = Actor(call.principal, call.request_id)
        change = self._lists.remove(actor, self._name, Network.parse(call.path["network"]))
        return Answer(204, None, revision_location(self._lists.log.part, change))

    def import_(self, call: Call) -> Answer:
        """Import many entries."""
        query: LinesQuery = call.query
        sent: Upload = call.body
        defaults = Defaults(query.reason, query.duration_seconds, query.force)
        how = query.on_conflict, query.on_error
        upload = importing.Upload(sent.path, sent.media_type, defaults, *how)
        actor = Actor(call.principal, call.request_id, call.remember(answers.to_import))
        result = self._bulk.importer.run(actor, self._name, upload)
        return answers.to_import(result, result.change)

    def remove_many(self, call: Call) -> Answer:
        """Remove the entries that a filter selects."""
        query: RemoveQuery = call.query
        request: RemoveRequest = call.body
        networks = request.networks and tuple(dict.fromkeys(map(Network.parse, request.networks)))
        wanted = Filter(networks or None, request.reason, request.created_by)
        if query.dry_run:
            return answers.to_remove_many(self._bulk.remover.count(self._name, wanted), None)
        actor = Actor(call.principal, call.request_id, call.remember(answers.to_remove_many))
        change, count = self._bulk.remover.run(actor, self._name, wanted)
        return answers.to_remove_many(count, change)

    def _page(self, query: PageQuery) -> EntryPage:
        only = Only.of(query)
        if query.sort != "ip":
            return self._lists.first(self._name, query.sort, query.limit, only)
        after = None if query.cursor is None else rows.place_from(bytes.fromhex(query.cursor))
        return self._lists.page(self._name, after, query.limit, only)

    def _add_many(self, call: Call, request: EntriesRequest) -> Answer:
        wanted = [
            _wanted(each, f"entries.{n}.", force=call.query.force)
            for n, each in enumerate(request.entries)
        ]
        _refuse_repeats(wanted)
        remember = call.remember(lambda made, _: answers.to_put_many(made))
        actor = Actor(call.principal, call.request_id, remember)
        return answers.to_put_many(self._lists.put(actor, self._name, wanted))


def operations(services: Services) -> list[Operation]:
    """The operations of operators and nodes on the fleet's lists."""
    found = list[Operation]()
    for name in kinds.LISTS:
        views = ListViews(name, services)
        found += [*_of_list(views, name), *_in_bulk(views, name)]
    return [*found, *_following(services.lists, services.followed)]


def _of_list(views: ListViews, name: ListName) -> list[Operation]:
    path, page = f"/{name}", BlacklistPage if name == "blacklist" else AllowlistPage
    read, operate = Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            path,
            views.show,
            f"The fleet's {name}, a page at a time, under filters",
            read,
            {200: page},
            query=PageQuery,
            etag=True,
        ),
        Operation(
            "POST",
            path,
            views.add,
            f"Add one to a thousand addresses or prefixes to the {name} of every node; "
            "200 when existing entries are replaced",
            operate,
            {200: PutBody, 201: PutBody},
            errors=(409,),
            query=ForceQuery,
            body=PutRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            path + "/{network}",
            views.get,
            f"One entry of the fleet's {name}, or the one that covers the network, and the number "
            "of nodes on which it is in force",
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
            f"Remove the fleet's entry from the {name} of every node; the nodes' own entries stay",
            operate,
            {204: None},
            errors=(404,),
        ),
    ]


def _in_bulk(views: ListViews, name: ListName) -> list[Operation]:
    return [
        Operation(
            "POST",
            f"/{name}/remove",
            views.remove_many,
            f"Remove entries from the fleet's {name} by network, reason or creator, all or none",
            Role.OPERATE,
            {200: RemovedBody},
            query=RemoveQuery,
            body=RemoveRequest,
            idempotent=True,
        ),
        Operation(
            "POST",
            f"/{name}/import",
            views.import_,
            f"Add up to a million addresses and prefixes to the fleet's {name} in one change",
            Role.OPERATE,
            {200: ImportBody, 201: ImportBody},
            errors=(409,),
            query=LinesQuery,
            uploads=(TEXT, NDJSON),
            idempotent=True,
        ),
    ]


def _following(lists: FleetLists, followed: FollowedPart[FollowQuery]) -> list[Operation]:
    def follow(call: Call) -> Answer:
        own_node(call)
        return Answer(200, followed.answer(call.query))

    def confirm(call: Call) -> Answer:
        change = lists.confirm(Actor(call.principal, call.request_id))
        return Answer(200, ConfirmedBody(revision=change))

    return [
        Operation(
            "GET",
            "/nodes/{node}/lists",
            follow,
            "The changes of the fleet's lists since a revision, or all entries",
            Role.NODE,
            {200: FollowedLists},
            query=FollowQuery,
        ),
        Operation(
            "POST",
            "/fleet/lists/confirm",
            confirm,
            "Confirm the fleet's lists for nodes that wait because a snapshot would remove "
            "many entries",
            Role.OPERATE,
            {200: ConfirmedBody},
        ),
    ]


def _wanted(request: LineRequest, prefix: str = "", *, force: bool) -> Wanted:
    network, field = Network.parse(request.ip), f"{prefix}ip"
    if not force:
        refuse_everything(network, field)
    return Wanted(network, request.reason, request.duration_seconds, field)


def _refuse_repeats(wanted: Sequence[Wanted]) -> None:
    first: dict[Network, Wanted] = {}
    for each in wanted:
        earlier = first.setdefault(each.network, each)
        if earlier is not each:
            message = f"{each.field}: {each.network} repeats {earlier.field}"
            what = FieldError(each.field, str(each.network), "each network once", message)
            raise UnprocessableError(message, errors=[what])
