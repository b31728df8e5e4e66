"""What tests of the agent stand on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from api.history import upgrade


@pytest.fixture(scope="session")
def empty_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is migrated and has nothing in it."""
    path = tmp_path_factory.mktemp("events") / "events.db"
    upgrade.upgrade(path)
    return path


@pytest.fixture(autouse=True)
def migrated(tmp_path: Path, empty_events: Path) -> None:
    """A copy of it where each test looks for its own."""
    shutil.copy(empty_events, tmp_path / "events.db")
