"""An open connection whose client may be too slow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.native.harness import Harness
from tests.native.stages.http.slow.slow_support import timed
from tests.native.stages.http.stream_support import Talk


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with timed(harness):
        yield Talk(harness).open()
