"""What the service manager hears, and that nothing happens without one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.base.process.notify import Notifier

PID = 42


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_each_message_is_one_datagram(manager: socket.socket) -> None:
    with Notifier({"NOTIFY_SOCKET": manager.getsockname()}, PID) as notifier:
        notifier.ready()
        notifier.status("forwarding")
        notifier.watchdog()
        notifier.stopping()

    heard = [manager.recv(64) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=forwarding", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_address_begins_with_at() -> None:
    name = "secbeat-test-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(60)
        with Notifier({"NOTIFY_SOCKET": f"@{name}"}, PID) as notifier:
            notifier.ready()
        assert listening.recv(64) == b"READY=1"


def test_without_a_manager_nothing_happens() -> None:
    with Notifier({}, PID) as notifier:
        notifier.ready()

    assert notifier.watchdog_interval_s is None


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    with Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, PID) as notifier:
        notifier.ready()


def test_a_manager_that_does_not_read_does_not_block(manager: socket.socket) -> None:
    with Notifier({"NOTIFY_SOCKET": manager.getsockname()}, PID) as notifier:
        for _ in range(10_000):
            notifier.watchdog()


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(PID)}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_due_at_half_of_what_is_allowed(
    environment: dict[str, str], interval_s: float | None
) -> None:
    with Notifier(environment, PID) as notifier:
        assert notifier.watchdog_interval_s == interval_s
