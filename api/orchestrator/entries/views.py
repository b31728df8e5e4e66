"""``/blacklist`` and ``/allowlist`` of the fleet, and what its nodes ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from api.access.audit.service import Actor
from api.common.errors import FieldError, UnprocessableError
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.common.schemas import Strict, rfc3339
from api.lists import kinds
from api.lists.schemas import LineRequest
from api.orchestrator.entries import rows
from api.orchestrator.entries.following import FollowedEntries
from api.orchestrator.entries.schemas import (
    AllowlistPage,
    BlacklistPage,
    EntriesBody,
    EntriesRequest,
    FleetEntryBody,
    FollowedLists,
    FollowQuery,
    PageQuery,
    PutBody,
    PutEntryBody,
    PutRequest,
)
from api.orchestrator.entries.service import Entry, FleetLists, Wanted
from api.orchestrator.nodes.views import own_node
from dataplane.base.networks import Network
from dataplane.statelog import ListName


class ConfirmedBody(Strict):
    """The change at which it was confirmed."""

    revision: int


class ListViews:
    """The handlers of one list."""

    def __init__(self, name: ListName, lists: FleetLists) -> None:
        self._name = name
        self._lists = lists

    def show(self, call: Call) -> Answer:
        """A page of the list."""
        query: PageQuery = call.query
        after = None if query.cursor is None else rows.place_from(bytes.fromhex(query.cursor))
        page = self._lists.page(self._name, after, query.limit)
        model: type[BaseModel] = BlacklistPage if self._name == "blacklist" else AllowlistPage
        fields = {
            self._name: [FleetEntryBody(**_fields(each)) for each in page.entries],
            "total": page.total,
            "next_cursor": None if page.next is None else rows.item_of(page.next).hex(),
        }
        return Answer(200, model.model_validate(fields))

    def get(self, call: Call) -> Answer:
        """One entry."""
        entry = self._lists.get(self._name, Network.parse(call.path["network"]))
        return Answer(200, FleetEntryBody(**_fields(entry)))

    def add(self, call: Call) -> Answer:
        """Add or replace an entry, or many."""
        request: PutRequest = call.body
        if isinstance(request.root, EntriesRequest):
            return self._add_many(call, request.root)
        actor = Actor(call.principal, call.request_id, call.remember(lambda made, _: _put(*made)))
        return _put(*self._lists.put(actor, self._name, [_wanted(request.root)]))

    def remove(self, call: Call) -> Answer:
        """Remove an entry."""
        actor = Actor(call.principal, call.request_id)
        self._lists.remove(actor, self._name, Network.parse(call.path["network"]))
        return Answer(204)

    def _add_many(self, call: Call, request: EntriesRequest) -> Answer:
        wanted = [_wanted(each, f"entries.{n}.") for n, each in enumerate(request.entries)]
        _refuse_repeats(wanted)
        remember = call.remember(lambda made, _: _put_many(made))
        actor = Actor(call.principal, call.request_id, remember)
        return _put_many(self._lists.put(actor, self._name, wanted))


def operations(lists: FleetLists, followed: FollowedEntries) -> list[Operation]:
    """What can be done with the fleet's lists, by people and by nodes."""
    found = [one for name in kinds.LISTS for one in _of_list(ListViews(name, lists), name)]
    return [*found, *_following(lists, followed)]


def _of_list(views: ListViews, name: ListName) -> list[Operation]:
    path, page = f"/{name}", BlacklistPage if name == "blacklist" else AllowlistPage
    read, operate = Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            path,
            views.show,
            f"The fleet's {name}, a page at a time",
            read,
            {200: page},
            query=PageQuery,
            etag=True,
        ),
        Operation(
            "POST",
            path,
            views.add,
            f"Put addresses or prefixes on the {name} of every node, one or up to a thousand; "
            "200 when they were there and are replaced",
            operate,
            {200: PutBody, 201: PutBody},
            errors=(409,),
            body=PutRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            path + "/{network}",
            views.get,
            f"One entry of the fleet's {name}",
            read,
            {200: FleetEntryBody},
            errors=(404,),
            etag=True,
        ),
        Operation(
            "DELETE",
            path + "/{network}",
            views.remove,
            f"Take the fleet's entry off the {name} of every node; the nodes' own entries stay",
            operate,
            {204: None},
            errors=(404,),
        ),
    ]


def _following(lists: FleetLists, followed: FollowedEntries) -> list[Operation]:
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
            "What has changed on the fleet's lists since a change, or all of them",
            Role.NODE,
            {200: FollowedLists},
            query=FollowQuery,
        ),
        Operation(
            "POST",
            "/fleet/lists/confirm",
            confirm,
            "Confirm that the lists are meant as they are, for nodes that wait because a snapshot "
            "would take much away",
            Role.OPERATE,
            {200: ConfirmedBody},
        ),
    ]


def _wanted(request: LineRequest, prefix: str = "") -> Wanted:
    network = Network.parse(request.ip)
    return Wanted(network, request.reason, request.duration_seconds, f"{prefix}ip")


def _refuse_repeats(wanted: Sequence[Wanted]) -> None:
    first: dict[Network, Wanted] = {}
    for each in wanted:
        earlier = first.setdefault(each.network, each)
        if earlier is not each:
            message = f"{each.field}: {each.network} repeats {earlier.field}"
            what = FieldError(each.field, str(each.network), "each network once", message)
            raise UnprocessableError(message, errors=[what])


def _fields(entry: Entry) -> dict[str, Any]:
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


def _put(entry: Entry) -> Answer:
    body = FleetEntryBody(**_fields(entry))
    where = {"Location": f"/api/v1/{entry.list}/{str(entry.network).replace('/', '%2F')}"}
    return Answer(201, body, where) if entry.is_new else Answer(200, body)


def _put_many(entries: Sequence[Entry]) -> Answer:
    created = sum(entry.is_new for entry in entries)
    body = EntriesBody(
        revision=entries[0].change,
        created=created,
        replaced=len(entries) - created,
        entries=[
            PutEntryBody(**_fields(each), result="created" if each.is_new else "replaced")
            for each in entries
        ],
    )
    return Answer(201 if created else 200, body)
