"""A client that does not keep to the protocol gets an error and harms nobody."""

from __future__ import annotations

import gc
import json
import os
import random
import socket
from pathlib import Path

import pytest

from dataplane import client
from dataplane.native import abi
from dataplane.shared.transport.protocol import (
    MESSAGE_BYTES_MAX,
    WAKE,
    Request,
    Want,
    encode_request,
)
from tests.native.process.hostile.hostile_support import (
    KEY,
    connected,
    is_closed,
    refusal_of,
    take,
)
from tests.support.servers.dataplane import PortlessDataplane
from tests.support.waiting import wait_for

GARBAGE = [
    b"\0",
    b"{",
    b"[]",
    b"null",
    b"[" * MESSAGE_BYTES_MAX,
    b"9" * MESSAGE_BYTES_MAX,
    b"\xff" * 100,
    b" " * (MESSAGE_BYTES_MAX + 1),
    b'{"want":"control"}',
    json.dumps({"abi": abi.ABI_HASH, "want": "root", "wait_ms": 0}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": ["control"], "wait_ms": 0}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": 10**9}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": -1}).encode(),
    json.dumps({"abi": abi.ABI_HASH, "want": "control", "wait_ms": True}).encode(),
    json.dumps({"abi": 5, "want": "control", "wait_ms": 0}).encode(),
]


@pytest.mark.parametrize("message", GARBAGE, ids=lambda message: repr(message[:40]))
def test_garbage_is_answered_with_an_error_and_the_end(
    dataplane: PortlessDataplane, path: Path, message: bytes
) -> None:
    with connected(path) as connection:
        connection.send(message)
        assert refusal_of(connection) == "protocol"


def test_random_bytes_end_the_connection(dataplane: PortlessDataplane, path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(300):
        with connected(path) as connection:
            connection.send(rng.randbytes(rng.randint(1, 300)))
            assert is_closed(connection)


def test_another_layout_is_refused_with_both_sides_named(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with connected(path) as connection:
        connection.send(encode_request(Request(Want.CONTROL, 0, "0" * 64)))
        answer = json.loads(connection.recv(MESSAGE_BYTES_MAX))
        assert (answer["error"], abi.ABI_HASH in answer["message"]) == ("abi", True)


def test_descriptors_sent_along_are_closed(dataplane: PortlessDataplane, path: Path) -> None:
    def send_some() -> int:
        with connected(path) as connection:
            socket.send_fds(connection, [b"x"], [0] * 200)
            assert is_closed(connection)
        gc.collect()  # of earlier tests
        return len(list(Path("/proc/self/fd").iterdir()))

    assert send_some() == send_some()


@pytest.mark.parametrize("want", list(Want))
def test_a_message_after_the_grant_ends_the_lease(
    dataplane: PortlessDataplane, path: Path, want: Want
) -> None:
    with connected(path) as connection:
        for fd in take(connection, want):
            os.close(fd)
        connection.send(b"more")
        assert refusal_of(connection) == "protocol"


@pytest.mark.parametrize("want", [Want.OBSERVE, Want.EVENTS])
def test_only_the_control_client_may_wake_the_data_plane(
    dataplane: PortlessDataplane, path: Path, want: Want
) -> None:
    with connected(path) as connection:
        for fd in take(connection, want):
            os.close(fd)
        connection.send(WAKE)
        assert refusal_of(connection) == "protocol"


def test_wakes_without_commands_harm_nobody(dataplane: PortlessDataplane, path: Path) -> None:
    with client.control(path) as control:
        for _ in range(2000):
            control._lease.wake()
        assert control.explain([KEY], 60)  # type: ignore[list-item]
        wait_for(lambda: not dataplane.control.wait(0), "nothing is left to hear")
        assert control.alive()
