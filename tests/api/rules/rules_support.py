"""What tests of rules have in common."""

from __future__ import annotations

from typing import Any

from dataplane.statelog import StateLogReader
from dataplane.waf.document import from_row

from ..conftest import Api

PATTERN = "(?i)(union.*select|select.*from)"


def add(api: Api, pattern: str = PATTERN, **rest: Any) -> Any:
    return api.post("/rules", {"pattern": pattern, "action": "block", **rest})


def changes(api: Api) -> list[Any]:
    """What the newest log says, in order."""
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        return [change for line in log.lines() for change in line.changes]


def snapshot_rules(api: Api) -> list[Any]:
    reader = StateLogReader(api.settings.state_log)
    with reader.snapshot(reader.generations()[0]) as snapshot:
        return [from_row(row) for chunk in snapshot.rule_chunks() for row in chunk]
