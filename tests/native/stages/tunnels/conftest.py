"""Fixtures of the tests of tunnels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dataplane.native.abi import (
    Inside,
    ListKind,
)
from dataplane.tables.lists import Lists
from tests.native import frames
from tests.native.encapsulated import (
    SENDER4,
)
from tests.native.harness import Harness
from tests.native.stages.tunnels.tunnels_support import (
    listed,
    saying,
)


@pytest.fixture
def judging(harness: Harness) -> Harness:
    """With a profile that judges what is inside, for the endpoint alone."""
    harness.use_policy(saying(Inside.JUDGE))
    return harness


@pytest.fixture
def banned(harness: Harness) -> Iterator[Lists]:
    """The clients are, and the tunnel's sender is allowed."""
    entries = [(text, ListKind.BLACKLIST) for text in (frames.CLIENT4, frames.CLIENT6)]
    yield from listed(harness, [*entries, (SENDER4, ListKind.ALLOWLIST)])
