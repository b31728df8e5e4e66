"""What tests of leases have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from dataplane.base.networks import Network
from dataplane.statelog import Put

DATABASE = UUID(int=7)


def put(text: str) -> Put:
    return Put("blacklist", Network.parse(text))


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)
