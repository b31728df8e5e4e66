"""A node with rules that is started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.native.harness import Harness
from tests.native.waf.rules.node import Node


@pytest.fixture
def node(harness: Harness, tmp_path: Path) -> Iterator[Node]:
    made = Node(harness, tmp_path)
    made.rules.start()
    yield made
    made.close()
