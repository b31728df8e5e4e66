"""What the data plane rejects: said everywhere, and forgotten when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from api.management.database.tables import entries
from dataplane.base.networks import Network
from dataplane.shared.stats import Rejected, RejectedEntry, RejectedWhole
from dataplane.statelog import Put, Remove, StateLogReader

from .conftest import Api

FULL = "the table is full"


def state(api: Api) -> tuple[dict[str, int], int, Any]:
    """What a data plane would load: networks with the revision that brought them, and the last."""
    reader = StateLogReader(api.settings.state_log)
    generation = reader.generations()[0]
    found: dict[str, int] = {}
    with reader.snapshot(generation) as snapshot:
        last, identity = snapshot.revision, snapshot.database_id
        for batch in snapshot.chunks():
            found.update((str(entry.network), last) for entry in batch)
    with reader.log(generation) as log:
        while lines := log.lines():
            for line in lines:
                assert line.revision > last
                last = line.revision
                for change in line.changes:
                    if isinstance(change, Put):
                        found[str(change.network)] = last
                    elif isinstance(change, Remove):
                        found.pop(str(change.network), None)
    return found, last, identity


def rejecting(api: Api, ip: str) -> None:
    """The data plane will refuse the next change."""

    network = Network.parse(ip)
    _reject_next(api, lambda revision: RejectedEntry(revision, FULL, "blacklist", network))


def rejecting_whole(api: Api, what: str) -> None:
    """The data plane will refuse the next change as a whole."""
    _reject_next(api, lambda revision: RejectedWhole(revision, "no room", what))


def _reject_next(api: Api, make: Callable[[int], Rejected]) -> None:
    def reject(revision: int) -> None:
        api.plane.rejected.append(make(revision))
        api.plane.database_id = api.node.publisher.database_id
        api.plane.on_announce = lambda _: None

    api.plane.on_announce = reject


def test_a_rejected_entry_says_so_everywhere_and_holds_nothing_up(api: Api) -> None:
    rejecting(api, "192.0.2.1")
    answer = api.ban("192.0.2.1")
    assert (answer.status_code, answer.json["state"]) == (202, "rejected")
    revision = api.get("/revisions/1").json
    assert (revision["state"], revision["reason"]) == (
        "rejected",
        "192.0.2.1: the table is full",
    )
    assert api.get("/blacklist/192.0.2.1").json["state"] == "rejected"
    assert api.ban("192.0.2.2").status_code == 201


def test_a_rejection_is_forgotten_when_the_entry_is_replaced_or_the_data_plane_is_another(
    api: Api,
) -> None:
    for ip in ("192.0.2.1", "192.0.2.2"):
        rejecting(api, ip)
        api.ban(ip)
    assert api.ban("192.0.2.1").json["state"] == "in_force"
    assert api.get("/blacklist/192.0.2.2").json["state"] == "rejected"
    api.plane.pid, api.plane.rejected = 2, []
    assert api.get("/blacklist/192.0.2.2").json["state"] == "in_force"


def test_an_entry_of_a_snapshot_that_is_rejected_is_marked_though_it_is_of_an_earlier_revision(
    api: Api,
) -> None:
    """A data plane that starts names the revision of the snapshot that it loads."""
    api.ban("192.0.2.1")
    api.bring("192.0.2.2\n")
    assert api.ban("192.0.2.3").status_code == 201
    networks = [Network.parse("192.0.2.1"), Network.parse("192.0.2.2")]
    api.plane.rejected = [RejectedEntry(3, FULL, "blacklist", network) for network in networks]
    states = {each["ip"]: each["state"] for each in api.get("/blacklist").json["blacklist"]}
    assert states == {"192.0.2.1": "rejected", "192.0.2.2": "rejected", "192.0.2.3": "in_force"}
    found = [api.get(f"/revisions/{number}").json["state"] for number in (1, 2, 3)]
    assert found == ["rejected", "rejected", "in_force"]


def test_a_rejected_line_of_an_import_is_marked(api: Api) -> None:
    rejecting(api, "192.0.2.2")
    api.bring("192.0.2.1\n192.0.2.2\n")
    states = {each["ip"]: each["state"] for each in api.get("/blacklist").json["blacklist"]}
    assert states == {"192.0.2.1": "in_force", "192.0.2.2": "rejected"}


@pytest.mark.parametrize("what", ["policy", "import", "prefixes", "unknown"])
def test_what_is_rejected_as_a_whole_upsets_no_answer(api: Api, what: str) -> None:
    api.ban("192.0.2.1")
    api.ban("10.0.0.0/8")
    rejecting_whole(api, what)
    assert api.call("PUT", "/policy", json={"name": "x"}).json["state"] == "rejected"
    for path in ("/blacklist", "/policy", "/revisions/1", "/status", "/stats"):
        assert api.get(path).status_code == 200
    assert api.ban("192.0.2.2").status_code == 201
    states = {each["ip"]: each["state"] for each in api.get("/blacklist").json["blacklist"]}
    assert set(states.values()) == {"in_force"}
    revision = api.get("/revisions/3").json
    verb = "were" if what == "prefixes" else "was"
    assert revision["state"] == "rejected"
    assert revision["reason"] == f"the {what} {verb} rejected: no room"


def test_of_a_rejected_import_no_entry_is_said_to_be_in_force(api: Api) -> None:
    api.ban("192.0.2.9")
    rejecting_whole(api, "import")
    api.bring("192.0.2.1\n10.0.0.0/8\n")
    states = {each["ip"]: each["state"] for each in api.get("/blacklist").json["blacklist"]}
    assert states == {"192.0.2.9": "in_force", "192.0.2.1": "rejected", "10.0.0.0/8": "rejected"}


def test_of_rejected_prefixes_the_addresses_beside_them_are_in_force(api: Api) -> None:
    rejecting_whole(api, "prefixes")
    api.bring("192.0.2.1\n10.0.0.0/8\n")
    states = {each["ip"]: each["state"] for each in api.get("/blacklist").json["blacklist"]}
    assert states == {"192.0.2.1": "in_force", "10.0.0.0/8": "rejected"}


def test_a_rejection_that_is_stored_is_not_stored_again(api: Api) -> None:
    rejecting_whole(api, "prefixes")
    api.ban("10.0.0.0/8")
    assert api.get("/blacklist/10.0.0.0/8").json["state"] == "rejected"
    with api.node.database.write() as connection:
        connection.execute(update(entries).values(rejected=None))
    rejecting(api, "192.0.2.2")
    assert api.ban("192.0.2.2").json["state"] == "rejected"
    with api.node.database.read() as connection:
        stored = connection.execute(select(entries.c.rejected)).scalars().all()
    assert sorted(stored, key=str) == [None, FULL]
