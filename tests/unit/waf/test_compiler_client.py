"""Whoever asks the compile helper waits for so long and no longer, whatever it does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplane.client import compiler
from dataplane.client.compiler import Candidate, Compiler, CompilerAwayError

FRAME = (1000).to_bytes(4, "big")
"""Announces more than ever comes."""


@contextlib.contextmanager
def serving(path: Path, answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[None]:
    done = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                answer(connection, done)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def silent(_connection: socket.socket, done: threading.Event) -> None:
    done.wait()


def dribbling(connection: socket.socket, done: threading.Event) -> None:
    connection.sendall(FRAME)
    while not done.wait(0.02):
        connection.sendall(b" ")


@pytest.mark.parametrize("answer", [silent, dribbling])
def test_a_helper_that_does_not_come_to_an_end_is_given_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[socket.socket, threading.Event], None],
) -> None:
    monkeypatch.setattr(compiler, "_ANSWER_S", 0.2)
    monkeypatch.setattr(compiler, "_CANDIDATE_S", 0.1)
    path = tmp_path / "rules.sock"
    with (
        serving(path, answer),
        pytest.raises(CompilerAwayError, match=r"has not answered about 1 patterns in 0\.3 s"),
    ):
        Compiler(path).admit([Candidate("a")])
