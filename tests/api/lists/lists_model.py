"""What lists must say and what the data plane must hold, worked out from the state log and a model.

The model is the rule in a few lines: an entry for each network and origin, a network is listed
until the last of its entries ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from api.lists import kinds
from api.management.lists import rows
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import Import, Put, Remove, StateLogReader

from ..conftest import Api

Ends = dict[tuple[str, str], int | None]
"""List and network, with the boot clock in ms when the data plane lets go of it; None: never."""


@dataclass
class Model:
    """Both lists, as they ought to be."""

    entries: dict[tuple[str, str, str], int | None] = field(default_factory=dict)
    """List, network and origin, with the end on the boot clock."""

    def put(self, name: str, ip: str, origin: str, end_ms: int | None) -> None:
        self.entries[name, ip, origin] = end_ms

    def expire(self, now_ms: int) -> None:
        self.entries = {
            key: end for key, end in self.entries.items() if end is None or end > now_ms
        }

    def meeting(self, name: str, **wanted: Any) -> list[tuple[str, str, str]]:
        return [key for key in self.entries if key[0] == name and _meets(key, wanted)]

    def remove(self, name: str, **wanted: Any) -> int:
        gone = self.meeting(name, **wanted)
        for key in gone:
            del self.entries[key]
        return len(gone)

    def ends(self) -> Ends:
        found: Ends = {}
        for (name, ip, _), end in self.entries.items():
            known = found.get((name, ip), 0)
            found[name, ip] = None if end is None or known is None else max(end, known)
        return found

    def listed(self, name: str) -> set[tuple[str, str]]:
        return {(ip, origin) for of, ip, origin in self.entries if of == name}


def _meets(key: tuple[str, str, str], wanted: dict[str, Any]) -> bool:
    _, ip, origin = key
    return wanted.get("origin", origin) == origin and ip in wanted.get("networks", [ip])


def in_force(api: Api) -> Ends:
    """What a data plane that read the newest generation would hold now."""
    reader, clock = StateLogReader(api.settings.state_log), api.clock
    generation = reader.generations()[0]
    found: Ends = {}
    with reader.snapshot(generation) as snapshot:
        for batch in snapshot.chunks():
            for name, network, deadline in batch:
                _put(found, clock, name, network, deadline)
    with reader.log(generation) as log:
        while lines := log.lines():
            for change in (change for line in lines for change in line.changes):
                _apply(found, clock, reader, change)
    now_ms = clock.boot_ms()
    return {key: end for key, end in found.items() if end is None or end > now_ms}


def _apply(found: Ends, clock: Clock, reader: StateLogReader, change: Any) -> None:
    match change:
        case Put(list=name, network=network, deadline=deadline):
            _put(found, clock, name, network, deadline)
        case Remove(list=name, network=network):
            found.pop((name, str(network)), None)
        case Import():
            with reader.import_entries(change) as file:
                for name, network, deadline in (e for batch in file.chunks() for e in batch):
                    if (name, network) not in change.skip:
                        _put(found, clock, name, network, deadline)


def _put(found: Ends, clock: Clock, name: str, network: Network, deadline: Any) -> None:
    key = (name, str(network))
    if deadline is None:
        found[key] = None
    elif deadline.remaining_ms(clock):
        found[key] = clock.boot_ms() + deadline.remaining_ms(clock)
    else:
        found.pop(key, None)


def pages(api: Api, name: str, query: str = "") -> list[dict[str, Any]]:
    """All entries of a list, by small pages; checks the total."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.get(f"/{name}?limit=7{query}{cursor}").json
        found += page[name]
        if page["next_cursor"] is None:
            assert page["total"] == len(found)
            return found
        cursor = f"&cursor={page['next_cursor']}"


def check_totals(api: Api) -> None:
    """Totals say what counting says, once everything that is over is purged and swept."""
    api.node.housekeeper.turn()
    networks: dict[tuple[int, int], int] = {}
    entries: dict[tuple[int, int, str], int] = {}
    with api.node.database.read() as connection:
        seen = set()
        for row in connection.exec_driver_sql(
            "SELECT list, key, prefix_length, origin FROM entries"
        ):
            of_kind = kinds.kind(rows.network_of(row))
            key = (row.list, of_kind, row.origin)
            entries[key] = entries.get(key, 0) + 1
            if (row.list, row.key, row.prefix_length) not in seen:
                networks[row.list, of_kind] = networks.get((row.list, of_kind), 0) + 1
            seen.add((row.list, row.key, row.prefix_length))
        found = connection.exec_driver_sql("SELECT list, kind, count FROM totals WHERE count <> 0")
        assert {row[:2]: row[2] for row in map(tuple, found)} == networks
        found = connection.exec_driver_sql("SELECT list, kind, origin, count FROM origin_totals")
        assert {row[:3]: row[3] for row in map(tuple, found)} == entries
        assert connection.exec_driver_sql("SELECT count(*) FROM import_skips").scalar() == 0
