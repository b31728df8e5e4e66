"""An API that waits for its data plane as long as a busy machine takes.

What is tested is whether there is an answer or an effect, not whether this machine is fast.
"""

from __future__ import annotations

import pytest

from api.common import health
from api.management import connection
from api.management.revisions import effects

_LONG_S = 60.0


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the test lasts."""
    monkeypatch.setattr(effects, "WAIT_S", _LONG_S)
    monkeypatch.setattr(connection, "_EXPLAIN_S", _LONG_S)
    monkeypatch.setattr(connection, "_EXPLAIN_PACKET_S", _LONG_S)
    monkeypatch.setattr(health, "HEARTBEAT_S_MAX", _LONG_S)
