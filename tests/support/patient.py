"""Makes an API wait for its data plane as long as a busy machine needs.

Tests check answers and effects, not the speed of this machine.
"""

from __future__ import annotations

import pytest

from api.common import health
from api.management import connection
from api.management.revisions import effects

_LONG_S = 60.0


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use long timeouts until the end of the test."""
    monkeypatch.setattr(effects, "WAIT_S", _LONG_S)
    monkeypatch.setattr(connection, "_EXPLAIN_S", _LONG_S)
    monkeypatch.setattr(connection, "_EXPLAIN_PACKET_S", _LONG_S)
    monkeypatch.setattr(health, "HEARTBEAT_S_MAX", _LONG_S)
