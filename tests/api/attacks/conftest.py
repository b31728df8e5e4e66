"""An API beside the database of an agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.management.settings import ApiSettings
from tests.support.values.recorded import Recorded


@pytest.fixture
def recorded(settings: ApiSettings) -> Iterator[Recorded]:
    """What the agent has recorded."""
    found = Recorded(settings.events)
    yield found
    found.close()
