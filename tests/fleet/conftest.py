"""One run for all fleet tests: hosts are made and booted once.

Rolling out takes minutes, so tests share the fleet; the order of the modules is fixed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.support import certificates
from tests.fleet.support.run import Run, new_run
from tests.fleet.support.tree import TREE
from tests.image.support.run import exit_on_sigterm

_HERE = Path(__file__).parent
MODULES = (
    *("test_nothing_stays", "test_rollout", "test_register", "test_traffic"),
    *("test_upgrade", "test_backup", "test_verify", "test_postgresql"),
)
TEST_TIMEOUT_S = 7200
"""Above the bounds of the waits in one test; the first ones roll out."""
ORCHESTRATOR = "orchestrator-1"
NODES = ("node-1", "node-2", "node-3")
AT_ONCE = ("-e", f"secbeat_serial={len(NODES)}")
"""All nodes in one batch, where a test is not about batches."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put this folder's modules in order."""
    own = [item for item in items if item.path.parent == _HERE]
    own.sort(key=lambda item: MODULES.index(item.path.stem))
    items[:] = [item for item in items if item.path.parent != _HERE] + own
    for item in own:
        item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """An orchestrator and its nodes, as Debian has made them; nothing of the run stays."""
    if os.geteuid() != 0:
        pytest.exit("the fleet tests boot containers: run 'make fleet-test'", 1)
    if not (TREE / "build" / "wheelhouse").exists():
        pytest.exit("there is no build/wheelhouse: run 'make fleet-test'", 1)
    exit_on_sigterm()
    with new_run() as made:
        made.boot(ORCHESTRATOR, *NODES)
        certificates.make(made.pki, {host.name: host.address for host in made.hosts.values()})
        yield made
