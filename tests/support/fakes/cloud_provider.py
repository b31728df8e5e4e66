"""A provider whose nodes are files; several provisioners can use it at once, like a cloud.

``cloud_provider.py DIRECTORY``: ``nodes/NAME`` is a node and contains its key; ``asked`` has a line
for each run. If the name of a node ends with the content of ``hold``, the node is made but the run
does not end. The program uses no module of the project.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HEADER = "X-SecBeat-API-Key"
NODES_MAX = 100
ANSWER_S = 60


def main(directory: Path) -> None:
    question = json.loads(sys.stdin.readline())
    verb, name = question["verb"], question.get("node", "")
    nodes = directory / "nodes"
    with (directory / "asked").open("a", encoding="utf-8") as file:
        file.write(f"{verb} {name} {os.getpid()}\n")
    if verb == "create":
        create(directory, name, question["fleet"])
    if verb == "destroy":
        (nodes / name).unlink(missing_ok=True)
    there = sorted(each.name for each in nodes.iterdir())
    results: dict[str, dict[str, Any]] = {
        "list": {"nodes": there},
        "capacity": {"free": NODES_MAX - len(there), "limit": f"{NODES_MAX} files"},
    }
    say({"result": results.get(verb, {})})


def create(directory: Path, name: str, fleet: dict[str, Any]) -> None:
    """The file is written first: an interrupted run is repeated and continues with it."""
    file = directory / "nodes" / name
    if not file.exists():
        file.write_text(secrets.token_hex(20))
    hold = directory / "hold"
    if hold.exists() and name.endswith(hold.read_text()):
        say({"progress": "held"})
        time.sleep(3600)
    key = file.read_text()
    common = {"version": "0.1.0", "address": "10.0.1.10:9090"}
    wanted = {
        "id": name,
        "uuid": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
        "key_sha256": hashlib.sha256(key.encode()).hexdigest(),
        "labels": fleet["labels"],
    }
    post(f"{fleet['url']}/api/v1/nodes/register", fleet["token"], wanted | common)
    beat = {
        "boot_id": "b1",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "mode": "tcp",
        "health": "healthy",
        "load": 0.1,
    }
    post(f"{fleet['url']}/api/v1/nodes/{name}/heartbeat", key, beat | common)


def post(url: str, key: str, body: dict[str, Any]) -> None:
    headers = {HEADER: key, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
        answer.read()


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
