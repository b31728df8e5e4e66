"""The compile helper's socket: who may ask what, and what is no question."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dataplane.client.compiler import Candidate, Compiler, CompilerAwayError
from dataplane.waf.compiling.helper import OWN_MAX, REQUESTS_MAX, HelperSettings
from dataplane.waf.compiling.keeper import Keeper
from dataplane.waf.exchange.wire import FRAME_BYTES_MAX, GROUP_MAX, Decoder, encode

WAIT_S = 60
NOBODY = 65534


@pytest.fixture(scope="module")
def helper() -> Iterator[Path]:
    """Its socket, in a directory that other users reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield from running(Path(name))


def running(directory: Path) -> Iterator[Path]:
    cache = directory / "cache"
    cache.mkdir()
    path = directory / "rules.sock"
    with Keeper(HelperSettings(path, ("nobody",), cache), frozenset()):
        end = time.monotonic() + WAIT_S
        while not path.exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        yield path


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(path))
        yield connection


def answer(connection: socket.socket) -> dict[str, Any] | None:
    """None: it has closed the connection."""
    decoder = Decoder()
    while (message := decoder.next()) is None:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return None
        if not data:
            return None
        decoder.feed(data)
    return message


def is_well(path: Path) -> bool:
    return [one.is_admitted for one in Compiler(path).admit([Candidate("a"), Candidate("(")])] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"admit": 1},
        {"admit": [1]},
        {"admit": [["a"]]},
        {"admit": [["a", "any"]]},
        {"admit": [["a", [1]]]},
        {"admit": [["a", ["any"]]] * (GROUP_MAX + 1)},
        {"build": "00", "tier": "hot"},
        {"build": "zz", "tier": "hot"},
        {"build": "00" * 32, "tier": "cold"},
        {"build": 7, "tier": "hot"},
        {"build": "00" * 32},
    ],
)
def test_what_is_no_question_is_refused(helper: Path, message: dict[str, Any]) -> None:
    with connected(helper) as connection:
        connection.sendall(encode(message))
        assert "refused" in (answer(connection) or {})
    assert is_well(helper)


def test_a_candidate_that_is_none_is_refused_beside_good_ones(helper: Path) -> None:
    rows = [["a", ["any"]], ["", ["any"]], ["b" * 4097, ["any"]], ["c", ["nowhere"]], ["d", []]]
    with connected(helper) as connection:
        connection.sendall(encode({"admit": rows}))
        found = (answer(connection) or {})["admitted"]
    assert [one[0] is None for one in found] == [True, False, False, False, False]


def test_nobody_is_asked_nothing(helper: Path) -> None:
    with connected(helper) as connection:
        connection.sendall(encode({"admit": []}))
        assert answer(connection) == {"admitted": []}


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!I", FRAME_BYTES_MAX + 1),
        b"\0\0\0\5hello",
        b"\0\0\0\2[]",
        encode({"admit": [["a", ["any"]]]}) * (REQUESTS_MAX + 50),
    ],
    ids=["too long", "no JSON", "no object", "too many"],
)
def test_who_breaks_the_protocol_loses_the_connection(helper: Path, data: bytes) -> None:
    with connected(helper) as connection:
        connection.sendall(data)
        while answer(connection) is not None:
            pass
    assert is_well(helper)


def test_a_job_that_is_not_there_is_no_harm(helper: Path) -> None:
    with connected(helper) as connection:
        connection.sendall(encode({"build": "00" * 32, "tier": "hot"}))
        assert "failed" in (answer(connection) or {})
    assert is_well(helper)


def test_clients_that_say_nothing_do_not_keep_others_out_for_ever(helper: Path) -> None:
    silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(OWN_MAX + 5)]
    for one in silent:
        one.connect(str(helper))
    with pytest.raises(CompilerAwayError):
        Compiler(helper).admit([Candidate("a")])
    for one in silent:
        one.close()
    end = time.monotonic() + WAIT_S
    while not _can(lambda: is_well(helper)):
        assert time.monotonic() < end


def test_a_client_that_goes_away_leaves_its_work_behind(helper: Path) -> None:
    for _ in range(20):
        with connected(helper) as connection:
            connection.sendall(encode({"admit": [[f"a{'b?' * 900}", ["any"]]] * 200}))
    assert is_well(helper)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_a_client_user_may_ask_about_candidates_and_for_nothing_else(helper: Path) -> None:
    def ask() -> bool:
        with connected(helper) as connection:
            connection.sendall(encode({"build": "00" * 32, "tier": "hot"}))
            refused = "refused" in (answer(connection) or {})
        return refused and is_well(helper)

    assert _as_user(NOBODY, ask)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_other_users_may_ask_nothing(helper: Path) -> None:
    def ask() -> bool:
        try:
            Compiler(helper).admit([Candidate("a")])
        except CompilerAwayError:
            return True
        return False

    assert _as_user(NOBODY - 1, ask)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_others_can_not_keep_the_data_plane_out(helper: Path) -> None:
    ready, done = os.pipe(), os.pipe()

    def crowd() -> bool:
        others = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(100)]
        for one in others:
            one.connect(str(helper))
        os.write(ready[1], b"x")
        return os.read(done[0], 1) == b"x"

    pid = _begin_as_user(NOBODY, crowd)
    os.read(ready[0], 1)
    assert is_well(helper)
    os.write(done[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0
    for fd in (*ready, *done):
        os.close(fd)


def _can(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except CompilerAwayError:
        return False


def _as_user(uid: int, ask: Callable[[], bool]) -> bool:
    """What it says in a process of that user."""
    return os.waitpid(_begin_as_user(uid, ask), 0)[1] == 0


def _begin_as_user(uid: int, ask: Callable[[], bool]) -> int:
    """Process id; it ends with 0 for True."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)  # the group that may connect: who asks is looked at too
            os.setuid(uid)
            code = 0 if ask() else 1
        finally:
            os._exit(code)
    return pid
