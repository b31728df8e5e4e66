"""A data plane, and an observer that must not notice anything."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane import client
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dataplane.sock"


@pytest.fixture
def dataplane(library: ctypes.CDLL, tmp_path: Path, path: Path) -> Iterator[PortlessDataplane]:
    """With an observer that must not notice anything."""
    with PortlessDataplane(settings(path, tmp_path / "state")) as made, turning(made):
        with client.observe(path) as bystander:
            yield made
            assert bystander.stats().state == "running"
        client.control(path, 5).close()
        client.events(path, 5).close()
