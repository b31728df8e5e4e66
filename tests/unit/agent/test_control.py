"""The agent's control socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.agent.control import server as control
from api.agent.control.server import ControlServer
from api.common.contract.errors import NotFoundError, UnavailableError
from api.common.line_protocol import LINE_BYTES_MAX, ask
from dataplane.base.errors import ConfigurationError


def _missing(_question: Any) -> dict[str, Any]:
    raise NotFoundError("it is not there")


def _broken(_question: Any) -> dict[str, Any]:
    raise RuntimeError("oh")


ACTIONS = {"echo": dict, "missing": _missing, "broken": _broken}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "agent.sock"
    server = ControlServer(path, ACTIONS)
    server.start()
    yield path
    server.close()
    assert not path.exists()


def test_a_question_gets_its_answer(path: Path) -> None:
    assert ask(path, {"do": "echo", "x": 1}, 5) == {"do": "echo", "x": 1}
    assert path.stat().st_mode & 0o777 == 0o600


def test_errors_come_out_as_they_went_in(path: Path) -> None:
    with pytest.raises(NotFoundError, match="it is not there"):
        ask(path, {"do": "missing"}, 5)
    with pytest.raises(UnavailableError, match="RuntimeError: oh"):
        ask(path, {"do": "broken"}, 5)
    with pytest.raises(NotFoundError, match="'other' is none of echo, missing, broken"):
        ask(path, {"do": "other"}, 5)


@pytest.mark.parametrize("garbage", [b"\n", b"[]\n", b"{\n", b"\xff\n", b"cut"])
def test_garbage_ends_one_connection_and_nothing_else(path: Path, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(60)
        client.recv(1000)
    assert ask(path, {"do": "echo"}, 5)


def test_a_question_without_end_is_cut(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.settimeout(60)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(bytes(3 * LINE_BYTES_MAX))
    assert ask(path, {"do": "echo"}, 5)


def test_more_clients_than_there_is_room_for_wait(path: Path) -> None:
    silent = [socket.socket(socket.AF_UNIX) for _ in range(control.CONNECTIONS_MAX)]
    try:
        for each in silent:
            each.connect(str(path))
        assert ask(path, {"do": "echo"}, 3 * control.QUESTION_S)
    finally:
        for each in silent:
            each.close()


def test_another_user_gets_no_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_peer", lambda _connection: 65_534)
    with pytest.raises(UnavailableError, match="the agent does not answer on"):
        ask(path, {"do": "echo"}, 5)


def test_what_an_earlier_process_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = ControlServer(path, ACTIONS)
    server.start()
    assert ask(path, {"do": "echo"}, 5)
    server.close()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"control socket .*: No such file or directory"):
        ControlServer(tmp_path / "none" / "agent.sock", ACTIONS)
