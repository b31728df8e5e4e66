"""A data plane without ports, and who writes its state log."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.base.clock import SystemClock
from dataplane.statelog import StateLogWriter
from tests.native.process.leases.leases_support import DATABASE
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the control socket."""
    return tmp_path / "dataplane.sock"


@pytest.fixture
def dataplane(library: ctypes.CDLL, tmp_path: Path, path: Path) -> Iterator[PortlessDataplane]:
    """Two lcores' rings, nobody polls, and a thread that turns it."""
    chosen = settings(path, tmp_path / "state", lcores=2)
    with PortlessDataplane(chosen) as made, turning(made):
        yield made


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    writer = StateLogWriter(tmp_path / "state", SystemClock())
    assert writer.open(DATABASE) is None
    writer.snapshot(DATABASE, 0, [], None)
    return writer
