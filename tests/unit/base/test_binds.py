"""Which of its addresses a process listens on."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from api.common import binds
from api.common.binds import has_ipv6_loopback, present

BOTH = ["127.0.0.1:9999", "[::1]:9999"]


@pytest.mark.parametrize(
    ("wanted", "without_ipv6"),
    [
        (BOTH, ["127.0.0.1:9999"]),
        (["[::1]:9999"], ["[::1]:9999"]),  # the server says what is wrong
        (["192.0.2.1:9", "[2001:db8::1]:9"], ["192.0.2.1:9", "[2001:db8::1]:9"]),
    ],
)
def test_host_without_ipv6_does_without_its_loopback(
    monkeypatch: pytest.MonkeyPatch, wanted: list[str], without_ipv6: list[str]
) -> None:
    monkeypatch.setattr(binds, "has_ipv6_loopback", lambda: True)
    assert present(wanted) == wanted
    monkeypatch.setattr(binds, "has_ipv6_loopback", lambda: False)
    assert present(wanted) == without_ipv6


@pytest.mark.parametrize(
    ("number", "has"),
    [(errno.EADDRNOTAVAIL, False), (errno.EAFNOSUPPORT, False), (errno.EACCES, True)],
)
def test_what_the_kernel_says_of_it(
    monkeypatch: pytest.MonkeyPatch, number: int, has: bool
) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise OSError(number, "no")

    monkeypatch.setattr(socket, "socket", refuse)
    assert has_ipv6_loopback() == has
