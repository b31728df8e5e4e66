"""The API on a disk that is really full, or read-only: it says so, goes on, and recovers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.api_server import Server
from tests.support.servers.dataplane import spawn
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.waiting import wait_for

from ..test_server import logged

WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/blacklist", {"ip": "192.0.2.99"}),
    ("POST", "/allowlist", {"ip": "192.0.2.99"}),
    ("DELETE", "/blacklist/192.0.2.1", None),
    ("DELETE", "/allowlist/192.0.2.2", None),
    ("PUT", "/policy", {"name": "other"}),
    ("POST", "/policy/rollback", {}),
    ("POST", "/keys", {"name": "other", "role": "read"}),
    ("DELETE", "/keys/0123456789abcdef", None),
]
READS = (
    "/status",
    "/blacklist",
    "/allowlist",
    "/blacklist/192.0.2.1",
    "/policy",
    "/audit",
    "/keys",
)
LINES_MAX = 40
"""Of a log, over all that a test does: a line for each request, and few beside them."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    with small_disk(mounted) as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, disk: SmallDisk, schema: Path) -> Iterator[Server]:
    """With two entries, and a data plane that applies what it finds."""
    (disk.outside / "api").mkdir()
    (disk.outside / "api" / "node.db").write_bytes(schema.read_bytes())
    with dataplane(disk):
        found = Server(tmp_path, disk=disk)
        wait_for(lambda: is_ready(found), "it is ready")
        assert found.request("POST", "/blacklist", {"ip": "192.0.2.1"})[0] in {201, 202}
        assert found.request("POST", "/allowlist", {"ip": "192.0.2.2"})[0] in {201, 202}
        yield found
        found.stop()


def dataplane(disk: SmallDisk) -> Any:
    (disk.outside / "state").mkdir(exist_ok=True)
    return spawn(disk.inside / "dataplane.sock", disk.inside / "state", start=disk.start)


def is_ready(server: Server) -> bool:
    return server.request("GET", "/health/ready")[0] == 200


def assert_refuses_writes(server: Server, directory: Path, why: str) -> None:
    for method, path, body in WRITES:
        status, answer = server.request(method, path, body)
        assert status == 503, (method, path, answer)
        (error,) = answer["errors"]
        assert error["field"] == "storage"
        assert error["value"].startswith(str(directory))
        assert why in answer["detail"]
    status, answer = server.upload("/blacklist/import", b"192.0.2.77\n")
    assert (status, answer["errors"][0]["field"]) == (503, "storage")


def assert_reads(server: Server) -> None:
    for path in READS:
        status, answer = server.request("GET", path)
        assert status == 200, (path, answer)
    assert [each["ip"] for each in server.request("GET", "/blacklist")[1]["blacklist"]] == [
        "192.0.2.1"
    ]


def assert_says_so(server: Server, why: str) -> None:
    assert server.request("GET", "/health/live")[0] == 200
    status, answer = server.request("GET", "/health/ready")
    assert (status, answer["errors"][0]["field"]) == (503, "storage")
    body = server.request("GET", "/status")[1]
    assert (body["status"], body["health"]) == ("degraded", "degraded")
    assert body["reasons"] == ["storage", "agent_away"]
    assert not body["storage"]["writable"]
    assert why in body["storage"]["cause"]


def assert_recovers(server: Server, disk: SmallDisk) -> None:
    """Ready within a bound; what comes then is in force, and nothing of what was refused."""
    wait_for(lambda: is_ready(server), "it is ready again")
    assert server.request("POST", "/blacklist", {"ip": "192.0.2.50"})[0] in {201, 202}

    def in_force() -> bool:
        return server.request("GET", "/blacklist/192.0.2.50")[1]["state"] == "in_force"

    wait_for(in_force, "the data plane has applied it")
    body = server.request("GET", "/status")[1]
    assert (body["health"], body["reasons"]) == ("degraded", ["agent_away"])  # none runs here
    listed = {each["ip"] for each in server.request("GET", "/blacklist")[1]["blacklist"]}
    assert listed == {"192.0.2.1", "192.0.2.50"}
    allowed = {each["ip"] for each in server.request("GET", "/allowlist")[1]["allowlist"]}
    assert set(logged(disk.outside)) == listed | allowed
    assert body["revision"]["committed"] == body["revision"]["applied"]


def complaints(server: Server) -> list[dict[str, Any]]:
    """Lines of the log that are no request's."""
    lines = (server.directory / "log").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(found) == len(lines), [line for line in lines if not line.startswith("{")]
    return [line for line in found if line["event"] != "request"]


def test_a_disk_that_fills_up_refuses_writes_and_goes_on_when_there_is_room(
    server: Server, disk: SmallDisk
) -> None:
    disk.fill()
    wait_for(lambda: not is_ready(server), "the probe finds it")
    why = "No space left on device (0 of 8 MiB free); remove files there"
    assert_refuses_writes(server, disk.inside, why)
    assert_says_so(server, why)
    assert_reads(server)
    disk.free()
    assert_recovers(server, disk)
    assert len(complaints(server)) < LINES_MAX


def test_the_first_write_that_fails_says_why_and_changes_nothing(
    server: Server, disk: SmallDisk
) -> None:
    """Before any probe: bans until one does not fit."""
    disk.fill()
    status, answer = 0, None
    acknowledged = set()
    for number in range(2000):
        ip = f"10.0.{number >> 8}.{number & 255}"
        status, answer = server.request("POST", "/blacklist", {"ip": ip})
        if status not in {201, 202}:
            break
        acknowledged.add(ip)
    assert (status, answer["errors"][0]["field"]) == (503, "storage")
    disk.free()
    wait_for(lambda: is_ready(server), "it is ready again")
    page = server.request("GET", "/blacklist?limit=1000")[1]
    listed = {each["ip"] for each in page["blacklist"]} - {"192.0.2.1"}
    assert acknowledged <= listed
    assert set(logged(disk.outside)) == listed | {"192.0.2.1", "192.0.2.2"}


@pytest.mark.parametrize("lost", [(), ("node.db-shm",)])
def test_killed_on_a_full_disk_it_comes_back_reads_and_recovers(
    tmp_path: Path, server: Server, disk: SmallDisk, lost: tuple[str, ...]
) -> None:
    """Also when SQLite's shared memory went, as after a clean end of the last connection."""
    with disk.kept_full():
        server.kill()
        for name in lost:
            (disk.outside / "api" / name).unlink()
        again = Server(tmp_path, disk=disk)
    try:
        why = "No space left on device"
        assert_says_so(again, why)
        assert_reads(again)
        assert_refuses_writes(again, disk.inside, why)
        assert len(again.workers()) == 1
        disk.free()
        assert_recovers(again, disk)
        assert len(complaints(again)) < LINES_MAX
    finally:
        again.stop()


def test_started_in_order_on_a_full_disk_it_reads_and_recovers(
    tmp_path: Path, server: Server, disk: SmallDisk
) -> None:
    """Without a write-ahead log beside the database: an orderly end has folded it in."""
    server.stop()
    with disk.kept_full():
        again = Server(tmp_path, disk=disk)
    try:
        assert_says_so(again, "No space left on device")
        assert_reads(again)
        disk.free()
        assert_recovers(again, disk)
    finally:
        again.stop()


@pytest.mark.parametrize("in_order", [True, False])
def test_a_disk_that_becomes_read_only_is_the_same_kind(
    tmp_path: Path, server: Server, disk: SmallDisk, in_order: bool
) -> None:
    (server.stop if in_order else server.kill)()
    disk.remount("ro")
    again = Server(tmp_path, disk=disk)
    try:
        assert_says_so(again, "Read-only file system; look for disk errors")
        assert_reads(again)
        assert_refuses_writes(again, disk.inside, "Read-only file system")
        disk.remount("rw")
        assert_recovers(again, disk)
    finally:
        again.stop()


def test_a_first_boot_on_a_full_disk_waits_says_why_and_starts_by_itself(
    tmp_path: Path, disk: SmallDisk
) -> None:
    with dataplane(disk):
        disk.fill()
        first = Server(tmp_path, disk=disk)
        try:
            for path in ("/health/ready", "/status", "/blacklist"):
                status, answer = first.request("GET", path)
                assert (status, answer["errors"][0]["field"]) == (503, "storage")
                assert "No space left on device" in answer["detail"]
            assert first.request("POST", "/blacklist", {"ip": "192.0.2.1"})[0] == 503
            assert len(first.workers()) == 1
            disk.free()
            wait_for(lambda: is_ready(first), "it has started", bound_s=60)
            assert first.request("POST", "/blacklist", {"ip": "192.0.2.1"})[0] in {201, 202}
            assert (disk.outside / "keys" / "admin.key").exists()
            assert len(complaints(first)) < LINES_MAX
        finally:
            first.stop()


def test_an_import_that_does_not_fit_leaves_nothing_and_names_the_disk(
    server: Server, disk: SmallDisk
) -> None:
    body = b"\n".join(b"10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255) for n in range(40_000))
    status, answer = server.upload("/blacklist/import", body)
    assert (status, answer["errors"][0]["field"]) == (503, "storage"), answer
    wait_for(lambda: is_ready(server), "it is ready again")
    assert_recovers(server, disk)
    again = b"\n".join(body.splitlines()[:3000])
    status, answer = server.upload("/blacklist/import", again)
    assert status in {201, 202}, answer
    assert answer["added"] == 3000
