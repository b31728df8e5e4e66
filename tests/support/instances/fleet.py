"""A lab whose node follows the lab's own orchestrator."""

from __future__ import annotations

from typing import Any

import requests

from appliance.lab.fleet import orchestrator
from tests.support.instances.lab import KEY_HEADER, Lab
from tests.support.waiting import wait_for


class FleetLab(Lab):
    """A lab that was started with ``has_orchestrator=True``."""

    def orchestrator_key(self) -> str:
        """The orchestrator's admin key, made at its first start."""
        return orchestrator.admin_key(self.instance).read_text().strip()

    def fleet(
        self, method: str, path: str, key: str | None = None, **arguments: Any
    ) -> requests.Response:
        """Send a request to the orchestrator; the path begins after ``/api/v1``."""
        return requests.request(
            method,
            f"{orchestrator.url(self.instance)}/api/v1{path}",
            headers={KEY_HEADER: key or self.orchestrator_key()},
            timeout=30,
            **arguments,
        )

    def nodes(self) -> list[dict[str, Any]]:
        """The orchestrator's list of nodes."""
        answer = self.fleet("GET", "/nodes")
        assert answer.status_code == requests.codes.ok, answer.text
        found: list[dict[str, Any]] = answer.json()["nodes"]
        return found

    def healthy_node(self) -> dict[str, Any]:
        """The only node, after the orchestrator reports it as healthy."""

        def healthy() -> dict[str, Any] | None:
            found = self.nodes()
            return found[0] if found and found[0]["status"] == "healthy" else None

        return wait_for(healthy, "the node is healthy at the orchestrator", bound_s=60, every_s=0.2)
