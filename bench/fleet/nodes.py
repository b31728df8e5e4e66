"""Simulated nodes for `bench.fleet.orchestrator`: they send requests as agents do, over real HTTP.

``python -m bench.fleet.nodes``: reads settings as JSON from stdin and writes two lines of JSON to
stdout: one when every node has enrolled and polled once, one with the measurements after that. A
node keeps one connection, polls once a second and sends a heartbeat every ten seconds, each at its
own time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from api.common.contract.roles import KEY_HEADER

EVERY_S = {"poll": 1.0, "heartbeat": 10.0}
_AT_ONCE = 20
"""Number of nodes that enrol at the same time."""
_RULE_TYPES = ("rate_limit", "geo_block", "syn_proxy", "fragments", "reflectors", "ports")
_FIGURES = (
    *("uptime_seconds", "packets_processed", "packets_dropped", "would_drop", "attacks_blocked"),
    *("attacks_active", "requests_per_second", "latency_ms", "connections_active"),
    *("connections_total", "cpu_percent", "memory_mb"),
)
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Measured:
    """Measurements of all nodes in the steady state."""

    polls_ms: list[float] = field(default_factory=list)
    heartbeats_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """Requests without an answer."""
    banned_s: list[float] = field(default_factory=list)
    """When each node received the fleet's new entry, by the monotonic clock."""


class Node:
    """One simulated node."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.key = f"key of {name}".ljust(43, "-")
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._tag = ""
        self._lists: tuple[str, int] | None = None

    async def enrol(self, token: str) -> None:
        """Register the node and poll for the first time."""
        body = {
            "id": self.name,
            "uuid": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
            "key_sha256": hashlib.sha256(self.key.encode()).hexdigest(),
            "address": "10.0.1.10:9090",
            "version": "0.1.0",
        }
        status, _, text = await self._ask("POST", "/nodes/register", token, body)
        assert status in {200, 201}, text
        await self.heartbeat()
        await self.poll(Measured())

    async def poll(self, measured: Measured) -> int:
        """Poll the desired state, and fetch the lists if they have changed."""
        path = f"/nodes/{self.name}/desired"
        status, headers, text = await self._ask("GET", path, self.key, None, self._tag)
        if status == 200:
            self._tag = headers["etag"]
            desired = json.loads(text)
            wanted = (desired["epoch"], desired["lists"])
            if self._lists not in {None, wanted}:
                await self._fetch(*(self._lists or wanted))
                measured.banned_s.append(time.monotonic())
            self._lists = wanted
        return status

    async def heartbeat(self) -> int:
        """Send a heartbeat as agents do: only the figures change each time."""
        body = {
            "boot_id": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
            "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "mode": "l7",
            "health": "healthy",
            "reasons": [],
            "load": round(random.random(), 3),
            "version": "0.1.0",
            "address": "10.0.1.10:9090",
            "rule_types": _RULE_TYPES,
            "stats": {name: random.getrandbits(40) for name in _FIGURES},
            "applied": {
                part: {"epoch": self.name, "number": 7, "state": "applied", "message": None}
                for part in ("policy", "lists", "rules")
            },
            "incidents": [],
        }
        status, _, _ = await self._ask("POST", f"/nodes/{self.name}/heartbeat", self.key, body)
        return status

    async def _fetch(self, epoch: str, since: int) -> None:
        path = f"/nodes/{self.name}/lists?epoch={epoch}&since={since}"
        status, _, text = await self._ask("GET", path, self.key)
        assert status == 200, text

    async def _ask(
        self, method: str, path: str, key: str, body: Any = None, tag: str = ""
    ) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n{KEY_HEADER}: {key}\r\n"
        head += f"If-None-Match: {tag}\r\n" if tag else ""
        if data:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        try:
            return await self._exchange(head.encode() + b"\r\n" + data)
        except (OSError, asyncio.IncompleteReadError):  # closed meanwhile: retry, as agents do
            self._streams = None
            return await self._exchange(head.encode() + b"\r\n" + data)

    async def _exchange(self, request: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        tags = [line.split(": ", 1)[1] for line in head if line.lower().startswith("etag")]
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), {"etag": tags[0] if tags else ""}, body


async def live(node: Node, until_s: float, every_s: dict[str, float], measured: Measured) -> None:
    """Poll and send heartbeats until ``until_s``, at the intervals ``every_s``."""
    due_s = {what: time.monotonic() + random.random() * each for what, each in every_s.items()}
    while (what := min(due_s, key=due_s.__getitem__)) and due_s[what] < until_s:
        await asyncio.sleep(due_s[what] - time.monotonic())
        began_s = time.monotonic()
        try:
            status = await (node.heartbeat() if what == "heartbeat" else node.poll(measured))
            took_ms = (time.monotonic() - began_s) * 1000
            (measured.heartbeats_ms if what == "heartbeat" else measured.polls_ms).append(took_ms)
            measured.statuses[f"{what} {status}"] += 1
        except (OSError, asyncio.IncompleteReadError):
            measured.lost += 1
        due_s[what] += every_s[what] * random.uniform(0.9, 1.1)


async def run(settings: dict[str, Any]) -> None:
    """Run all nodes with these settings."""
    ports = settings["ports"]
    nodes = [Node(f"node-{n}", ports[n % len(ports)]) for n in range(settings["nodes"])]
    for first in range(0, len(nodes), _AT_ONCE):
        await asyncio.gather(
            *(node.enrol(settings["token"]) for node in nodes[first : first + _AT_ONCE])
        )
    print(json.dumps({"enrolled": len(nodes)}), flush=True)
    measured = Measured()
    until_s = time.monotonic() + settings["seconds"]
    every_s = settings["every_s"]
    await asyncio.gather(*(live(node, until_s, every_s, measured) for node in nodes))
    print(json.dumps(vars(measured)), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.load(sys.stdin)))
