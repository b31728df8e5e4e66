"""Connecting to a Unix socket whose listener has more connections waiting than it takes."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.base.process import connecting

WAIT_S = 30.0


@contextlib.contextmanager
def full(path: Path) -> Iterator[socket.socket]:
    """A listener whose queue has no room."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(path))
        listener.listen(1)
        while True:
            other = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            other.setblocking(False)
            try:
                other.connect(str(path))
            except BlockingIOError:
                break
        yield listener


def client() -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.settimeout(WAIT_S)
    return one


def test_a_full_queue_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    waits = []
    with full(path) as listener, client() as connection:

        def take_one(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                listener.accept()[0].close()

        monkeypatch.setattr("dataplane.base.process.connecting.time.sleep", take_one)
        connecting.connect_waiting(connection, path, time.monotonic() + WAIT_S)
        assert connection.getpeername() == str(path)
    assert len(waits) == 3


def test_a_queue_that_stays_full_is_given_up(tmp_path: Path) -> None:
    with (
        full(tmp_path / "socket"),
        client() as connection,
        pytest.raises(BlockingIOError),
    ):
        connecting.connect_waiting(connection, tmp_path / "socket", time.monotonic())
