"""Clients with servers of each family and link, and a node that tracks their connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.native.connections.connections_support import PAIRS, Pair, tracking
from tests.native.harness import Harness


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    """Tracks, and enforces everything about it."""
    with tracking(harness):
        yield harness
