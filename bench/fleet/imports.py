"""Load of a long import on an orchestrator: ``python -m bench.fleet.imports [--lines N]``.

One orchestrator with one worker, on SQLite and on PostgreSQL with synchronous commits, and one
simulated node that follows as an agent does. During the import an operator bans an address each
second; a ban is in force when the node has received it. All processes run on one machine and share
its cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.common.contract.roles import KEY_HEADER
from api.orchestrator.database.upgrade import migrate
from bench.fleet.orchestrator import SYNCED, pss_mb
from tests.api.orchestrator.conftest import registration
from tests.support.servers.fleet_server import KEY, FleetServer
from tests.support.servers.postgres import Postgres

LINES = 999_000
"""Lines of the import, of the million entries that the lists can hold; the rest is for the
operator's bans."""
PAGE_ENTRIES = 1000
"""The page size that agents use."""
IMPORT_S_MAX = 1800
_NODE, _NODE_KEY = "node-1", "the key of node-1".ljust(40, ".")
_BANS = "2001:db8::"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, one database after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.imports")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = parser.parse_args(arguments)
    for kind in options.database or ("sqlite", "postgresql"):
        with server_on(kind) as server:
            for name, value in measure(server, options.lines).items():
                print(f"{kind:<10}  {name:<24} {value}", flush=True)
    return 0


@contextmanager
def server_on(kind: str) -> Iterator[FleetServer]:
    """Run an orchestrator with a new database during the block."""
    with tempfile.TemporaryDirectory(prefix="secbeat-pg-") as directory:
        room = Path(directory)
        postgres = Postgres(room / "pg", SYNCED) if kind == "postgresql" else None
        if postgres is not None:
            room.chmod(0o755)
            postgres.start()
            url = postgres.make_database(migrate)
        else:
            url = f"sqlite:///{room / 'fleet.db'}"
        server = FleetServer(url, room / "orchestrator")
        try:
            yield server
        finally:
            server.kill()
            if postgres is not None:
                postgres.stop("immediate")


def measure(server: FleetServer, lines: int) -> dict[str, Any]:
    """Run one import, with the node and the operator beside it."""
    token = (server.directory / "keys" / "enrol.key").read_text().strip()
    assert server.request("POST", "/nodes/register", registration(_NODE, _NODE_KEY), token)[0] < 300
    node, operator, memory = Node(server.port), Operator(server), Memory(server.workers()[0])
    both = (node, operator, memory)
    for each in both:
        each.start()
    time.sleep(5)
    began_s = time.monotonic()
    answer = upload(server.port, lines)
    took_s = time.monotonic() - began_s
    node.wait_for(int(answer["revision"]), IMPORT_S_MAX)
    followed_s = time.monotonic() - began_s - took_s
    time.sleep(5)
    for each in reversed(both):
        each.end()
    waited = [node.had_s[ip] - asked for ip, asked in operator.asked_s.items() if ip in node.had_s]
    return {
        "lines": answer["added"],
        "import_s": round(took_s, 1),
        "node_followed_s": round(followed_s, 1),
        "node_pages": node.pages,
        "node_mb": round(node.size_bytes / 1e6, 1),
        "worker_mb_before": round(memory.found_mb[0], 1),
        "worker_mb_most": round(max(memory.found_mb), 1),
        "polls": len(node.polls_s),
        "poll_s_worst": round(max(node.polls_s), 2),
        "bans": len(operator.asked_s),
        "bans_refused": operator.refused,
        "ban_answer_s_worst": round(max(operator.answers_s), 2),
        "ban_told_s_median": round(sorted(waited)[len(waited) // 2], 2),
        "ban_told_s_worst": round(max(waited), 2),
        "bans_not_told": len(operator.asked_s) - len(waited),
    }


def upload(port: int, lines: int) -> Any:
    """Import this many addresses; returns the answer."""
    body = "".join(f"{11 + n // 65536 % 16}.{n // 256 % 256}.{n % 256}.7\n" for n in range(lines))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=IMPORT_S_MAX)
    headers = {KEY_HEADER: KEY, "Content-Type": "text/plain"}
    connection.request("POST", "/api/v1/blacklist/import", body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status < http.client.MULTIPLE_CHOICES, text
    return json.loads(text)


class Beside(ABC):
    """A thread that does something at a regular interval."""

    every_s = 1.0

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Stop the thread; its results stay."""
        self._end.set()
        self._thread.join(60)

    @abstractmethod
    def turn(self) -> None:
        """Called once per interval."""

    def _run(self) -> None:
        while not self._end.wait(self.every_s):
            self.turn()


class Memory(Beside):
    """Measures the memory of the worker."""

    every_s = 0.5

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._pid = pid
        self.found_mb = [pss_mb(pid)]

    def turn(self) -> None:
        """See `Beside`."""
        self.found_mb.append(pss_mb(self._pid))


class Operator(Beside):
    """Bans an address each second."""

    def __init__(self, server: FleetServer) -> None:
        super().__init__()
        self._server = server
        self.asked_s: dict[str, float] = {}
        """When each ban was first requested, for bans that were accepted in the end."""
        self.answers_s: list[float] = []
        self.refused = 0

    def turn(self) -> None:
        """See `Beside`."""
        address, began_s = f"{_BANS}{len(self.asked_s) + 1:x}", time.monotonic()
        while True:
            asked_s = time.monotonic()
            status, body, _ = self._server.request("POST", "/blacklist", {"ip": address})
            self.answers_s.append(time.monotonic() - asked_s)
            if status < 300:
                self.asked_s[address] = began_s
                return
            assert status == 503, body
            self.refused += 1
            time.sleep(1)


class Node(Beside):
    """Polls the orchestrator once a second and fetches changes. While it does not have all changes
    yet, it polls between two pages."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._has: tuple[str, int] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self.polls_s: list[float] = []
        self.had_s: dict[str, float] = {}
        self.pages = self.size_bytes = 0

    def wait_for(self, change: int, bound_s: float) -> None:
        """Wait until the node has everything up to a change."""
        end_s = time.monotonic() + bound_s
        while self._has is None or self._has[1] < change:
            assert time.monotonic() < end_s, "the node has not followed"
            time.sleep(0.2)

    def turn(self) -> None:
        """See `Beside`."""
        began_s = time.monotonic()
        desired = self._get("desired")
        self.polls_s.append(time.monotonic() - began_s)
        if self._has == (desired["epoch"], desired["lists"]):
            return
        found = self._lists(self._has)
        has = found["epoch"], found["change"]
        looked_s = time.monotonic()
        while found["next_cursor"] is not None:
            found = self._lists(self._has, f"&cursor={found['next_cursor']}")
            if time.monotonic() - looked_s >= self.every_s:
                self._lists(has)
                looked_s = time.monotonic()
        self._has = has

    def _lists(self, since: tuple[str, int] | None, more: str = "") -> Any:
        known = "" if since is None else f"&epoch={since[0]}&since={since[1]}"
        found = self._get(f"lists?limit={PAGE_ENTRIES}{known}{more}")
        self.pages += 1
        for each in found["entries"]:
            if each["ip"].startswith(_BANS):
                self.had_s.setdefault(each["ip"], time.monotonic())
        return found

    def _get(self, path: str) -> Any:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        self._connection.request(
            "GET", f"/api/v1/nodes/{_NODE}/{path}", headers={KEY_HEADER: _NODE_KEY}
        )
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == http.client.OK, text
        self.size_bytes += len(text)
        return json.loads(text)


if __name__ == "__main__":
    raise SystemExit(main())
