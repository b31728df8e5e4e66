"""One lab for all tests that leave it as they found it; others start their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.lab import Lab


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests make network namespaces: run 'make test-e2e'", 1)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A healthy lab shared by the session."""
    shared = Lab("e2e")
    shared.down()  # what an interrupted run has left
    # Room for a million entries in one import, and for those of the other tests.
    # It is no node that has just come and does not know what there is.
    shared.up(config="[lists]\naddresses_max = 1100000\n[connections]\nlearning_seconds = 0\n")
    yield shared
    shared.down()


@pytest.fixture(scope="module")
def key(lab: Lab, request: pytest.FixtureRequest) -> str:
    """A key of the module's own."""
    return lab.make_key(request.module.__name__.rsplit(".", 1)[-1])
