"""What tests of imports have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.management.lists.importing import stage
from api.management.lists.importing.stage import Stage
from dataplane.statelog import StateLogReader

from ..conftest import Api


def logged(api: Api) -> list[Any]:
    """The changes of every revision in the newest log."""
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        found = []
        while lines := log.lines():
            found += [(line.revision, change) for line in lines for change in line.changes]
        return found


def listed(api: Api, name: str = "blacklist") -> list[str]:
    return [each["ip"] for each in api.get(f"/{name}?limit=1000").json[name]]


CONFLICTS = "198.51.100.1\n192.0.2.1\n203.0.113.7\n198.51.100.1\n"
"""Line 2 is banned already, line 3 is allowed, line 4 repeats line 1."""


def conflicting(api: Api) -> None:
    api.ban("192.0.2.1", reason="first")
    api.post("/allowlist", {"ip": "203.0.113.0/24"})


def between_chunks(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], None], after: int = 1
) -> None:
    """Runs something while an import is being staged, after so many chunks of one row."""
    monkeypatch.setattr(stage, "CHUNK", 1)
    chunks = Stage._chunks

    def interrupted(self: Stage) -> Any:
        for index, chunk in enumerate(chunks(self)):
            if index == after:
                action()
            yield chunk

    monkeypatch.setattr(Stage, "_chunks", interrupted)


BODY = "192.0.2.1\n192.0.2.2\n192.0.2.3\n"
