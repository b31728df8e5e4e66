"""The watchdog of the API asks the API: one that hangs gets no sign of life, and is restarted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from api.serving.bridge import Bridge, Lanes
from api.serving.watchdog import Watchdog
from dataplane.base.process.notify import Notifier
from tests.support.servers.serving import serving

PATH = "/live"
ENVIRONMENT = {"WATCHDOG_USEC": "200000"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(60)
        yield found


def notifier(manager: socket.socket) -> Notifier:
    return Notifier({**ENVIRONMENT, "NOTIFY_SOCKET": manager.getsockname()}, 1)


def says(status: str, ready: Event | None = None, late_s: float = 0.0) -> Bridge:
    """An API that answers so, once it is ready; until then its event loop hangs."""

    def application(_environ: object, start_response: object) -> list[bytes]:
        if ready is not None:
            ready.wait(120)
        time.sleep(late_s)
        start_response(status, [("Content-Length", "0")])  # type: ignore[operator]
        return [b""]

    lanes = Lanes(instant=frozenset({PATH}))
    return Bridge(application, 1, lambda: lanes)


def test_an_api_that_answers_lives(manager: socket.socket) -> None:
    with serving(says("200 OK")) as server:
        watchdog = Watchdog(notifier(manager), ("127.0.0.1", server.port), PATH, lambda: True)
        watchdog.start()
        assert manager.recv(100) == manager.recv(100) == b"WATCHDOG=1"
        watchdog.stop()
        while manager.recv(100) != b"STOPPING=1":
            pass


@pytest.mark.parametrize(
    ("status", "works"), [("503 Service Unavailable", True), ("200 OK", False)]
)
def test_an_api_that_fails_or_whose_background_work_hangs_gives_no_sign(
    manager: socket.socket, status: str, works: bool
) -> None:
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        if asked > 3:
            watchdog.stop()
        return works

    with serving(says(status)) as server:
        watchdog = Watchdog(notifier(manager), ("127.0.0.1", server.port), PATH, count)
        watchdog.start()
        assert manager.recv(100) == b"STOPPING=1"


def test_an_api_whose_event_loop_hangs_gives_no_sign_until_it_turns_again(
    manager: socket.socket,
) -> None:
    ready = Event()
    with serving(says("200 OK", ready)) as server:
        watchdog = Watchdog(notifier(manager), ("127.0.0.1", server.port), PATH, lambda: True)
        assert not watchdog.answers(0.2)
        watchdog.start()
        manager.settimeout(0.5)
        with pytest.raises(TimeoutError):
            manager.recv(100)
        manager.settimeout(60)
        ready.set()
        assert manager.recv(100) == b"WATCHDOG=1"
        watchdog.stop()


def test_an_api_that_answers_late_lives(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart would be more work for an API that is only slow."""
    monkeypatch.setitem(ENVIRONMENT, "WATCHDOG_USEC", "4000000")
    with serving(says("200 OK", late_s=1.5)) as server:
        watchdog = Watchdog(notifier(manager), ("127.0.0.1", server.port), PATH, lambda: True)
        watchdog.start()
        assert manager.recv(100) == b"WATCHDOG=1"
        watchdog.stop()


def test_an_api_that_is_not_there_does_not_answer(manager: socket.socket) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = nobody.getsockname()
        assert not Watchdog(notifier(manager), address, PATH, lambda: True).answers(0.2)
