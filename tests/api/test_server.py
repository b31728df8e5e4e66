"""The API as processes: signals, crashes, and one writer at a time."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.serving.server import room_for_connections
from dataplane.base.errors import ConfigurationError
from dataplane.statelog import Put, StateLogReader
from tests.support.servers.api_server import KEY, ROOT, Server
from tests.support.waiting import wait_for

SEED = 20_261_124
MEMORY_MB_MAX = 96


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("server"))
    yield found
    found.stop()


def logged(directory: Path) -> dict[str, int]:
    """Networks of the state log with how often each was put; refuses repeated revisions."""
    reader = StateLogReader(directory / "state")
    counts: dict[str, int] = {}
    generation = reader.generations()[0]
    with reader.snapshot(generation) as snapshot:
        for batch in snapshot.chunks():
            for entry in batch:
                counts[str(entry.network)] = counts.get(str(entry.network), 0) + 1
        last = snapshot.revision
    with reader.log(generation) as log:
        while lines := log.lines():
            for line in lines:
                assert line.revision == last + 1, "a revision is missing or repeated"
                last = line.revision
                for change in line.changes:
                    assert isinstance(change, Put)
                    counts[str(change.network)] = counts.get(str(change.network), 0) + 1
    return counts


def pss_bytes(pid: int) -> int:
    """Proportional set size of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024


def said_to(server: Server, request: bytes) -> tuple[bytes, Any]:
    """Head and body of the answer to bytes that no HTTP client would send."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, json.loads(body)


def test_a_second_server_on_the_same_database_ends_at_once_and_says_why(server: Server) -> None:
    command = [sys.executable, "-m", "tests.support.servers.api_server", str(server.directory), "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode != 0
    assert b"node.db" in done.stderr
    assert server.request("GET", "/health/live")[0] == 200


@pytest.mark.parametrize(
    "garbage",
    [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n"],
)
def test_what_is_not_http_gets_a_problem_document_too(server: Server, garbage: bytes) -> None:
    head, body = said_to(server, garbage)
    assert head.startswith(b"HTTP/1.1 4")
    assert b"Content-Type: application/problem+json" in head
    assert b"X-Request-ID: " + body["request_id"].encode() in head
    assert 400 <= body["status"] < 500


def test_a_body_that_is_not_in_the_chunks_it_claims_is_400(server: Server) -> None:
    request = (
        f"POST /api/v1/blacklist HTTP/1.1\r\nHost: node\r\nX-SecBeat-API-Key: {KEY}\r\n"
        "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n\r\n"
    )
    head, body = said_to(server, request.encode())
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "chunk" in body["detail"]


def test_a_refused_large_body_still_gets_its_answer(server: Server) -> None:
    status, body = server.request("POST", "/blacklist", {"ip": "x" * (3 << 20)})
    assert (status, body["status"]) == (413, 413)


def test_its_memory_stays_within_the_figure_that_is_promised(server: Server) -> None:
    readers = [
        threading.Thread(target=server.request, args=("GET", "/blacklist")) for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    resident = sum(pss_bytes(pid) for pid in (server.process.pid, *server.workers()))
    assert resident <= MEMORY_MB_MAX * 1_000_000


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [(1024, 1 << 20, 2048, 2304), (1024, 1500, 1244, 1500), (8192, 8192, 2048, None)],
)
def test_connections_leave_room_for_other_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, connections: int, raised: int | None
) -> None:
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limit: limits.append(limit))
    assert room_for_connections() == connections
    assert limits == ([] if raised is None else [(raised, hard)])


def test_without_room_for_a_connection_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (200, 200))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with pytest.raises(ConfigurationError, match="200 open files"):
        room_for_connections()


def test_nothing_is_left_in_the_home_directory(server: Server) -> None:
    names = {path.name for path in server.directory.iterdir()}
    assert names == {"agent", "api", "state", "keys", "log"}


def test_a_killed_worker_is_replaced_and_nothing_is_lost(server: Server) -> None:
    assert server.request("POST", "/blacklist", {"ip": "192.0.2.1"})[0] == 202
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: server.workers() not in ([], [worker]), "another worker serves")
    status, body = server.request("GET", "/blacklist/192.0.2.1")
    assert (status, body["ip"]) == (200, "192.0.2.1")


def test_a_reload_never_has_two_writers_and_ends_with_one(server: Server) -> None:
    (worker,) = server.workers()
    server.process.send_signal(signal.SIGHUP)
    one_other = lambda: len(server.workers()) == 1 and server.workers() != [worker]  # noqa: E731
    wait_for(one_other, "one other worker serves")
    status, body = server.request("POST", "/blacklist", {"ip": "192.0.2.2"})
    assert (status, body["state"]) == (202, "pending")
    assert set(logged(server.directory)) == {"192.0.2.1", "192.0.2.2"}


def test_it_speaks_to_the_service_manager_and_ends_with_0(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        notify = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        server = Server(tmp_path, **notify)
        assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        assert server.stop() == 0
        while manager.recv(100) != b"STOPPING=1":
            pass


def test_no_acknowledged_change_is_lost_by_kill_9_and_none_is_applied_twice(
    tmp_path: Path,
) -> None:
    print(f"seed {SEED}")
    choice = random.Random(SEED)
    acknowledged: set[str] = set()
    attempted = 0
    for _ in range(4):
        server = Server(tmp_path)
        enough, end = attempted + choice.randrange(10, 40), threading.Event()

        def write(server: Server = server, end: threading.Event = end) -> None:
            nonlocal attempted
            while not end.is_set():
                attempted += 1
                ip = f"10.1.{attempted >> 8}.{attempted & 255}"
                try:
                    status, _ = server.request("POST", "/blacklist", {"ip": ip})
                except OSError:
                    return
                assert status == 202
                acknowledged.add(ip)

        writer = threading.Thread(target=write)
        writer.start()
        wait_for(lambda enough=enough: attempted >= enough, "changes are acknowledged")  # type: ignore[misc]
        server.kill()
        end.set()
        writer.join(60)
    server = Server(tmp_path)
    try:
        page = server.request("GET", "/blacklist?limit=1000")[1]
    finally:
        server.stop()
    counts, listed = logged(tmp_path), {each["ip"] for each in page["blacklist"]}
    assert len(acknowledged) > 20
    assert acknowledged <= listed
    assert set(counts) == listed
    assert set(counts.values()) == {1}
    assert page["total"] == len(listed)
