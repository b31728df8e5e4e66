"""One lab for all tests of a process that leave it as they found it; others start their own.

The tier runs in several processes, each with some of the files and a shared lab of its own. Tests
marked ``alone`` come afterwards, in one process: see ``tests/run.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instances.lab import Lab

PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "main")
LONGEST = "test_syn_proxy_peers.py"
TEST_TIMEOUT_S = 900
"""For what never ends: 100 MB over a bad line take a slow machine minutes."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Say at once what is missing, before processes are started."""
    if os.geteuid() != 0 and not session.config.option.collectonly:
        pytest.exit("the end-to-end tests make network namespaces: run 'make test-e2e'", 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file comes first, so that no process is busy with it when the rest is done; each
    test has its time."""
    items.sort(key=lambda item: item.path.name != LONGEST)
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A healthy lab shared by the tests of this process."""
    shared = Lab(f"e2e-{PROCESS}")
    shared.down()  # what an interrupted run has left
    # Room for a million entries in one import, and for those of the other tests.
    # It is no node that has just come and does not know what there is.
    shared.up(config="[lists]\naddresses_max = 1100000\n[connections]\nlearning_seconds = 0\n")
    yield shared
    shared.down()


@pytest.fixture(scope="module")
def key(lab: Lab, request: pytest.FixtureRequest) -> str:
    """A key of the module's own."""
    return lab.make_key(request.module.__name__.removeprefix("tests.e2e.").replace(".", "-"))
