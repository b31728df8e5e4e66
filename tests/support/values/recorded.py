"""An ``events.db`` with records as an agent would write them, without an agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from api.common.attacks import Document, attack_document
from api.history import tables
from api.storage.sqlite.engine import make_engine
from dataplane.shared.incidents import Incident


class Recorded:
    """Writes an ``events.db`` like an agent's; close it as the agent would."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._events = 0
        self._engine = make_engine(path)
        for metadata in tables.METADATA:
            metadata.create_all(self._engine)

    def attack(self, incident: Incident, **response: Any) -> Document:
        """Record an attack and the response to it."""
        document = attack_document(incident, response or None)
        self._insert(
            tables.incidents,
            id=incident.id,
            type=incident.type,
            target=incident.target,
            profile=incident.profile,
            state=incident.state,
            instance="1",
            started_at=incident.started_at,
            detected_at=incident.detected_at,
            ended_at=incident.ended_at,
            updated_at=incident.updated_at,
            dropped=incident.totals.dropped,
            document=json.dumps(document),
        )
        return document

    def event(self, kind: str, at: int, incident_id: str | None = None, **data: Any) -> int:
        """Record an event; returns its sequence number."""
        self._events += 1
        values = {
            "id": f"evt_{self._events:022}",
            "kind": kind,
            "at": at,
            "incident_id": incident_id,
        }
        return self._insert(tables.events, **values, data=json.dumps(data))

    def packet(self, incident_id: str, at_ns: int, data: bytes, **changes: Any) -> None:
        """Record a packet of an attack."""
        values = {
            "incident_id": incident_id,
            "at_ns": at_ns,
            "reason": "syn_proxy",
            "mode": "enforce",
            "port": "outside",
            "length": len(data),
            "data": data,
        }
        self._insert(tables.captures, **{**values, **changes})

    def rates(self, profile: str, hour: int, metric: str, bucket: int, count: int) -> None:
        """Record this many periods of an hour of the week in a bucket of the baseline."""
        cell = {"profile": profile, "hour_of_week": hour, "metric": metric, "bucket": bucket}
        self._insert(tables.baseline, **cell, count=count)

    def close(self) -> None:
        """Close the database; may be called again."""
        self._engine.dispose()

    def _insert(self, table: Any, **values: Any) -> int:
        with self._engine.begin() as connection:
            key = connection.execute(insert(table).values(**values)).inserted_primary_key
        return int(key[0]) if key is not None and isinstance(key[0], int) else 0
