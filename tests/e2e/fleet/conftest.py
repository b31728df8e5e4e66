"""Labs with an orchestrator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import PROCESS
from tests.support.instances.fleet import FleetLab


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetLab]:
    """A node and the orchestrator that it follows."""
    lab = FleetLab(f"fleet-{PROCESS}")
    lab.down()  # what an interrupted run has left
    lab.up(has_orchestrator=True)
    yield lab
    lab.down()
