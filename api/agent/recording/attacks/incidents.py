"""Synchronises the incidents of ``events.db`` with the data plane's table.

The table has room for 256 incidents and keeps ended ones for a while, so that an agent that was
away still finds them. Recorded incidents survive the data plane.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from api.agent.recording.journal.event import ATTACK_DETECTED, ATTACK_ENDED, Event
from api.agent.recording.journal.journal import Journal, Row
from api.common.attacks import attack_data, attack_document
from api.common.contract.schemas import rfc3339
from api.history.tables import incidents
from dataplane.shared.captures import Capture
from dataplane.shared.incidents import Incident

REFRESH_MS = 5_000
"""Interval at which an active incident is written; the data plane's table has its
newest figures."""
RESTARTED = "data plane restarted"
UNSEEN = "unseen"
"""Cause of the end of an incident that had left the table before the agent was back."""
_QUERY_MAX = 500

Response = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True)
class Sight:
    """One reading of the data plane's table."""

    instance: str
    """Identifies the start of the data plane."""
    incidents: Sequence[Incident]
    is_whole: bool
    """True: all incidents of the table; False: those that have changed."""
    captured: Sequence[Capture] = ()
    """Packets that were kept since the last reading."""


@dataclass(frozen=True)
class _Recorded:
    """The recorded state of an incident."""

    version: int
    is_active: bool
    written_ms: int
    response: dict[str, Any] | None


class IncidentKeeper:
    """Used by the recording thread only."""

    def __init__(self, journal: Journal, response: Response = lambda _id: None) -> None:
        """``response``: returns what was carried out for an incident, by its id."""
        self._journal = journal
        self._response = response
        self._instance: str | None = None
        self._begun_anew = 0
        self._recorded: dict[str, _Recorded] = {}
        """Incidents in the table, by id."""
        self._active: set[str] = set()
        """Active incidents in the database."""
        self._missing: set[str] = set()
        """Active incidents that were missing in the last complete reading. One reading is not
        enough: a slot that is being written may be left out."""

    def turn(self, sight: Sight, now_ms: int) -> list[Event]:
        """Record what has changed; returns the recorded events.

        After a start of the data plane, it waits for the first complete reading. If the database
        was begun anew, all incidents of the table are recorded again, without events. Raises
        `StorageError`; then everything is repeated with the next complete reading.
        """
        if sight.instance != self._instance:
            if not sight.is_whole:
                return []
            self._load(sight.incidents)
        is_anew = sight.is_whole and self._begun_anew != self._journal.begun_anew
        begun_anew = self._journal.begun_anew if is_anew else self._begun_anew
        after = {} if sight.is_whole else dict(self._recorded)
        rows, made = [], []
        for incident in sight.incidents:
            before, response = self._recorded.get(incident.id), self._response(incident.id)
            is_due = is_anew or before is None or _is_due(before, incident, response, now_ms)
            if before is not None and not is_due:
                after[incident.id] = before
                continue
            row = _to_row(attack_document(incident, response), sight.instance, incident)
            rows.append(row)
            made += _events(row, before)
            after[incident.id] = _Recorded(incident.version, incident.is_active, now_ms, response)
        missing = self._active - after.keys() if sight.is_whole else self._missing
        gone = sorted(missing & self._missing)[:_QUERY_MAX] if sight.is_whole else []
        lost, said = self._end(gone, sight.instance, now_ms)
        self._journal.record([*rows, *lost], [*made, *said])
        self._instance, self._recorded, self._missing = sight.instance, after, missing
        self._begun_anew = begun_anew
        ended = {row["id"] for row in [*rows, *lost] if row["state"] == "ended"}
        begun = {row["id"] for row in rows} - ended
        self._active = (self._active | begun) - ended - set(gone)
        return [*made, *said]

    def _load(self, live: Sequence[Incident]) -> None:
        """Load what an earlier process has recorded, or what belongs to an earlier data plane."""
        ids = [each.id for each in live][:_QUERY_MAX]
        active = select(incidents.c.id).where(incidents.c.state == "active")
        known = select(incidents.c.id, incidents.c.state).where(incidents.c.id.in_(ids))
        with self._journal.read() as connection:
            self._active = set(connection.execute(active).scalars())
            found = connection.execute(known).all()
        self._recorded = {
            row.id: _Recorded(-1, row.state == "active", 0, self._response(row.id)) for row in found
        }
        self._missing = set()

    def _end(
        self, gone: Sequence[str], instance: str, now_ms: int
    ) -> tuple[list[Row], list[Event]]:
        if not gone:
            return [], []
        query = select(incidents).where(incidents.c.id.in_(gone), incidents.c.state == "active")
        with self._journal.read() as connection:
            found = connection.execute(query).all()
        rows, made = [], []
        for each in found:
            document = json.loads(each.document)
            why = UNSEEN if each.instance == instance else RESTARTED
            document |= {
                "state": "ended",
                "ended_at": rfc3339(each.updated_at),
                "ended_by": why,
                "response": {**document["response"], "state": "none", "until": None},
            }
            row = {**each._mapping, "state": "ended", "ended_at": each.updated_at}
            rows.append({**row, "document": json.dumps(document)})
            made.append(Event(ATTACK_ENDED, now_ms, attack_data(document), each.id))
        return rows, made


def _is_due(
    before: _Recorded, incident: Incident, response: dict[str, Any] | None, now_ms: int
) -> bool:
    if before.is_active != incident.is_active:
        return before.is_active  # an ended incident stays ended
    if before.response != response:
        return True  # the response is undone after the end
    if before.version == incident.version:
        return False
    return incident.is_active and not 0 <= now_ms - before.written_ms < REFRESH_MS


def _events(row: Row, before: _Recorded | None) -> list[Event]:
    document = json.loads(row["document"])
    made = []
    if before is None:
        said = {**document, "state": "active", "ended_at": None, "ended_by": None}
        made.append(Event(ATTACK_DETECTED, row["detected_at"], attack_data(said), row["id"]))
    if row["state"] == "ended" and (before is None or before.is_active):
        made.append(Event(ATTACK_ENDED, row["ended_at"], attack_data(document), row["id"]))
    return made


def _to_row(document: dict[str, Any], instance: str, incident: Incident) -> Row:
    return {
        "id": incident.id,
        "type": incident.type,
        "target": incident.target,
        "profile": incident.profile,
        "state": incident.state,
        "instance": instance,
        "started_at": incident.started_at,
        "detected_at": incident.detected_at,
        "ended_at": incident.ended_at,
        "updated_at": incident.updated_at,
        "dropped": incident.totals.dropped,
        "document": json.dumps(document),
    }
