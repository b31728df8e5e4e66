"""An orchestrator over real HTTP, and nodes that do what it wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from api.common.contract.schemas import rfc3339
from tests.api.orchestrator.conftest import heartbeat, registration
from tests.support.servers.fleet_server import FleetServer
from tests.support.waiting import wait_for

_EVERY_S = 0.3


class Nodes:
    """Each says over and over how it is; of a policy that it has applied it, or what it is told."""

    def __init__(self, server: FleetServer) -> None:
        self._server = server
        self._keys: dict[str, str] = {}
        self._more: dict[str, dict[str, Any]] = {}
        self.rejects: dict[str, str] = {}
        """Messages by node."""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def join(self, node: str, labels: dict[str, str], **more: Any) -> None:
        """A node that has enrolled and sent a heartbeat with these fields."""
        key = f"the key of {node}".ljust(40, ".")
        token = self._server.request("POST", "/tokens", {"name": node})[1]["token"]
        body = registration(node, key) | {"labels": labels}
        assert self._server.request("POST", "/nodes/register", body, token)[0] == 201
        self._keys[node], self._more[node] = key, more
        wait_for(lambda: self._beat(node), f"{node} is known")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(_EVERY_S):
            for node in list(self._keys):
                with suppress(OSError):
                    self._beat(node)

    def _beat(self, node: str) -> bool:
        """Whether it was heard; a key that is new may not be known yet."""
        path, key = f"/nodes/{node}", self._keys[node]
        status, wanted, _ = self._server.request("GET", f"{path}/desired", key=key)
        if status != 200:
            return False
        applied = {"epoch": wanted["epoch"], "number": wanted["policy"] or 0}
        if node in self.rejects:
            applied |= {"state": "rejected", "message": self.rejects[node]}
        sent = heartbeat(at=rfc3339(time.time_ns() // 1_000_000), **self._more[node])
        sent |= {"applied": {"policy": applied}} if wanted["policy"] else {}
        return self._server.request("POST", f"{path}/heartbeat", sent, key)[0] == 200


@pytest.fixture
def server(tmp_path: Path, fleet_schema: Path) -> Iterator[FleetServer]:
    file = tmp_path / "fleet.db"
    file.write_bytes(fleet_schema.read_bytes())
    found = FleetServer(f"sqlite:///{file}", tmp_path / "server")
    yield found
    found.kill()


@pytest.fixture
def nodes(server: FleetServer) -> Iterator[Nodes]:
    found = Nodes(server)
    yield found
    found.stop()
