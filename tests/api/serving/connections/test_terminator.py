"""A TLS terminator on this host: whom it speaks for, and who else may say such a thing."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.management.settings import ApiSettings
from api.serving.connections import terminator
from dataplane.base.errors import ConfigurationError
from tests.api.conftest import Api, FakeDataplane
from tests.support.clock import FakeClock
from tests.support.servers.api_server import KEY, Server

UNIX = {"secbeat.unix_socket": True}
TCP = {"REMOTE_ADDR": "127.0.0.9"}
FORWARDED = "X-Forwarded-For"


def source(api: Api, environ: dict[str, Any], **headers: str) -> str:
    """What the audit trail says about who made a change."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=sent, environ_overrides=environ)
    assert answer.status_code in (200, 201), answer.json
    return str(api.get("/audit").json["audit"][0]["source"])


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("10.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("evil,  198.51.100.7 ", "198.51.100.7"),
    ],
)
def test_the_terminator_says_who_the_client_is_and_only_its_own_hop_counts(
    api: Api, header: str, address: str
) -> None:
    assert source(api, UNIX, X_Forwarded_For=header) == address


def test_over_tcp_nobody_says_who_the_client_is(api: Api) -> None:
    assert source(api, TCP, X_Forwarded_For="198.51.100.7") == "127.0.0.9"


def test_who_speaks_on_the_socket_himself_is_local(api: Api) -> None:
    assert source(api, UNIX) == "unix socket"


@pytest.mark.parametrize(
    "header",
    ["", "unknown", "198.51.100.7,", "198.51.100.7:80", "[::1]", "1.2.3", "_x", "198.51.100.7 2"],
)
def test_a_terminator_that_says_no_address_is_refused(api: Api, header: str) -> None:
    answer = api.get("/status", headers={FORWARDED: header}, environ_overrides=UNIX)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert FORWARDED in answer.json["detail"]


@pytest.fixture
def strict(settings: ApiSettings, plane: FakeDataplane, clock: FakeClock) -> Iterator[Api]:
    found = Api(dataclasses.replace(settings, failures_per_minute=2), plane, clock)
    yield found
    found.close()


def test_failed_attempts_are_limited_by_the_client_behind_the_terminator(strict: Api) -> None:
    def guess(client: str) -> int:
        headers = {FORWARDED: client}
        answer = strict.get("/status", key="guess", headers=headers, environ_overrides=UNIX)
        return int(answer.status_code)

    assert [guess("198.51.100.7") for _ in range(3)] == [401, 401, 429]
    assert guess("198.51.100.8") == 401, "another client is not its accomplice"
    assert guess("10.0.0.1, 198.51.100.7") == 429, "a header of its own does not make it another"


def test_a_host_with_a_whole_ipv6_prefix_is_one_source(strict: Api) -> None:
    def guess(client: str) -> int:
        headers = {FORWARDED: client}
        answer = strict.get("/status", key="guess", headers=headers, environ_overrides=UNIX)
        return int(answer.status_code)

    clients = [f"2001:db8:1:2::{last}" for last in range(3)]
    assert [guess(client) for client in clients] == [401, 401, 429]
    assert guess("2001:db8:1:3::1") == 401


class UnixConnection(http.client.HTTPConnection):
    """As the terminator speaks."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def ask(connection: http.client.HTTPConnection, method: str, path: str, **headers: str) -> Any:
    sent = {name.replace("__", "-"): value for name, value in headers.items()}
    sent |= {"X-SecBeat-API-Key": KEY, "Content-Type": "application/json"}
    body = json.dumps({"ip": "192.0.2.1"}) if method == "POST" else None
    try:
        connection.request(method, "/api/v1" + path, body, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Short: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:
        (Path(directory) / "tls").mkdir()
        yield Path(directory) / "tls" / "api.sock"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Server]:
    if os.geteuid() == 0:
        os.chown(place.parent, -1, 12_345)
    found = Server(tmp_path_factory.mktemp("server"), unix_socket=place)
    yield found
    found.stop()


def test_the_socket_is_its_directorys_groups_and_nobody_elses(server: Server, place: Path) -> None:
    found = place.stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert found.st_gid == place.parent.stat().st_gid


def test_both_doors_lead_to_one_server(server: Server, place: Path) -> None:
    client = {"X__Forwarded__For": "198.51.100.7", "X__Forwarded__Proto": "https"}
    assert ask(UnixConnection(place), "POST", "/blacklist", **client)[0] == 202
    tcp = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    assert ask(tcp, "POST", "/blacklist", **client)[0] == 202
    rows = ask(UnixConnection(place), "GET", "/audit")[1]["audit"]
    assert [row["source"] for row in rows[:2]] == ["127.0.0.1", "198.51.100.7"]


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "PATH_INFO", "X_FORWARDED_FOR", "REMOTE_ADDR"])
def test_no_header_moves_a_request_elsewhere(server: Server, place: Path, header: str) -> None:
    client = {"X__Forwarded__For": "198.51.100.7", header: "/api/v1/keys"}
    status, body = ask(UnixConnection(place), "GET", "/blacklist", **client)
    assert status == 200
    assert "blacklist" in body


def test_the_socket_goes_with_its_server(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:
        path = Path(directory) / "api.sock"
        first = Server(tmp_path, unix_socket=path)
        first.kill()
        assert path.exists()
        second = Server(tmp_path, unix_socket=path)  # over what the first one left
        assert ask(UnixConnection(path), "GET", "/status")[0] == 200
        second.stop()
        assert not path.exists()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("missing/api.sock", "there is no directory"), ("file", "is there and is no socket")],
)
def test_a_socket_that_can_not_be_is_told_before_the_start(
    tmp_path: Path, path: str, complaint: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=f"api.socket: .*{complaint}"):
        terminator.check("api.socket", tmp_path / path)


def test_without_a_socket_there_is_nothing_to_check() -> None:
    terminator.check("api.socket", None)
    terminator.open_to_group("api.socket", None)


def test_a_group_that_is_not_ours_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "api.sock"
    path.write_text("")
    elsewhere = SimpleNamespace(st_gid=path.stat().st_gid + 1)
    real = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda self, **_: elsewhere if self == tmp_path else real(self)
    )

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(ConfigurationError, match="SupplementaryGroups="):
        terminator.open_to_group("api.socket", path)
