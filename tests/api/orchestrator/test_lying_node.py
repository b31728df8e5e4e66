"""A node that sends a hundred megabytes over real HTTP: nobody else is worse off."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from api.common.contract.schemas import rfc3339
from tests.support.servers.fleet_server import FleetServer

from .conftest import heartbeat, registration

HUGE = 100 << 20
GROWN_KB_MAX = 32 << 10
PIECE = 1 << 16


@pytest.fixture
def server(tmp_path: Path, fleet_schema: Path) -> Iterator[FleetServer]:
    file = tmp_path / "fleet.db"
    file.write_bytes(fleet_schema.read_bytes())
    found = FleetServer(f"sqlite:///{file}", tmp_path / "server")
    yield found
    found.kill()


def enrol(server: FleetServer, node: str) -> str:
    """The key of a new node."""
    key = f"the key of {node}".ljust(40, ".")
    token = server.request("POST", "/tokens", {"name": node})[1]["token"]
    assert server.request("POST", "/nodes/register", registration(node, key), token)[0] == 201
    return key


def beats(server: FleetServer, node: str, key: str) -> int:
    sent = heartbeat(at=rfc3339(time.time_ns() // 1_000_000))
    return server.request("POST", f"/nodes/{node}/heartbeat", sent, key)[0]


def sends(server: FleetServer, node: str, key: str, framing: str, body: Iterator[bytes]) -> bytes:
    """What a heartbeat is answered; empty: the connection was cut before."""
    head = f"POST /api/v1/nodes/{node}/heartbeat HTTP/1.1\r\nHost: fleet\r\n{framing}\r\n"
    head += f"X-SecBeat-API-Key: {key}\r\nContent-Type: application/json\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as client:
        client.sendall(head.encode())
        with suppress(ConnectionError):
            for piece in body:
                client.sendall(piece)
        with suppress(ConnectionError):
            return client.recv(PIECE)
    return b""


def reasons(chunked: bool) -> Iterator[bytes]:
    """The beginning of a heartbeat, and then one reason that is as long as all that is to come."""
    text = json.dumps(heartbeat(reasons=["x"]))
    begin = text[: text.index('"x"') + 1].encode()
    for _ in range(HUGE // PIECE):
        piece = begin.ljust(PIECE, b"x")
        begin = b""
        yield b"%x\r\n%b\r\n" % (PIECE, piece) if chunked else piece


def peak_kb(server: FleetServer) -> int:
    """What the worker had in memory at most so far."""
    (worker,) = server.workers()
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("framing", [f"Content-Length: {HUGE}", "Transfer-Encoding: chunked"])
def test_a_hundred_megabytes_are_not_kept_and_the_others_are_heard(
    server: FleetServer, framing: str
) -> None:
    honest, liar = enrol(server, "honest"), enrol(server, "liar")
    assert beats(server, "honest", honest) == 200
    before_kb = peak_kb(server)
    for _ in range(3):
        answer = sends(server, "liar", liar, framing, reasons("chunked" in framing))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413 "), answer
        assert beats(server, "honest", honest) == 200
    assert peak_kb(server) - before_kb < GROWN_KB_MAX
    shown = {node["id"]: node for node in server.request("GET", "/nodes")[1]["nodes"]}
    assert shown["honest"]["status"] == "healthy"
    assert (shown["liar"]["status"], shown["liar"]["last_seen_at"]) == ("registering", None)
