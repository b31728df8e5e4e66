"""What nodes and their orchestrator say: asked by ``secbeat`` on a host, or on port 3030."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

import requests

from tests.fleet.support.run import Run

_EVERY_S = 1.0
_END_S = 120
ADMIN_KEY = "/var/lib/secbeat-orchestrator/keys/admin.key"


def told(run: Run, name: str, *words: str) -> Any:
    """What a command prints as JSON; empty if it fails."""
    return json.loads(run.ssh(name, f"secbeat {' '.join(words)} --json || echo '{{}}'"))


def works(run: Run, name: str) -> bool:
    """Whether a node is healthy and has applied all that it was told."""
    status = told(run, name, "status")
    revision = status.get("revision", {"applied": None, "committed": 0})
    return status.get("health") == "healthy" and revision["applied"] == revision["committed"]


def banned(run: Run, name: str) -> set[str]:
    """Addresses on a host's blacklist."""
    return {each["ip"] for each in told(run, name, "blacklist", "list").get("blacklist", [])}


def follow(run: Run, orchestrator: str, names: Collection[str]) -> bool:
    """Whether these are its nodes, each healthy to it and with the newest lists."""
    nodes = told(run, orchestrator, "nodes", "list").get("nodes", [])
    found = {each["id"]: (each["status"], each["lists"]["is_newest"]) for each in nodes}
    if found == dict.fromkeys(names, ("healthy", True)):
        return True
    print({each["id"]: (found[each["id"]], each["reasons"]) for each in nodes})
    return False


class Watch:
    """Within the block an orchestrator is asked for its nodes all the time, as a monitor does."""

    def __init__(self, run: Run, orchestrator: str) -> None:
        self._run = run
        self._url = f"https://{orchestrator}:3030/api/v1/nodes"
        self._key = run.ssh(orchestrator, f"cat {ADMIN_KEY}").strip()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        """By node, each status that it had."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(_END_S)

    def _ask(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                found = self._run.get(self._url, self._key).json()
            except requests.RequestException:  # a busy machine
                continue
            for node in found.get("nodes", []):
                self.seen[node["id"]].add(node["status"])
