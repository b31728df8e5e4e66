"""Clients that dawdle or come in crowds, and want of descriptors, keep nobody out for long."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import itertools
import os
import resource
import threading
from pathlib import Path

import pytest

from dataplane import client
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.process.listener import Peer
from dataplane.control import server
from dataplane.control.rings import CommandRings
from dataplane.control.server import (
    ACCEPTS_PER_TURN,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_PROCESS_MAX,
    SILENT_MS_MAX,
)
from dataplane.shared.transport.protocol import (
    Request,
    Want,
    encode_request,
    receive,
)
from tests.native.process.hostile.hostile_support import (
    connected,
    refusal_of,
)
from tests.support.clock import FakeClock
from tests.support.servers.dataplane import PortlessDataplane, settings
from tests.support.waiting import wait_for


def test_a_silent_connection_is_closed_after_a_second(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    clock = FakeClock()
    with (
        PortlessDataplane(settings(path, tmp_path / "state"), clock) as dataplane,
        connected(path) as connection,
    ):
        dataplane.turn()
        clock.pass_ms(SILENT_MS_MAX - 1)
        dataplane.turn()
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        clock.pass_ms(1)
        dataplane.turn()
        assert refusal_of(connection) == "protocol"


def test_a_crowd_of_silent_connections_keeps_nobody_out_for_long(
    library: ctypes.CDLL, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, pids = FakeClock(), itertools.count(1)
    monkeypatch.setattr(server, "peer_of", lambda _: Peer(next(pids), os.geteuid()))
    with (
        PortlessDataplane(settings(path, tmp_path / "state"), clock) as dataplane,
        contextlib.ExitStack() as stack,
    ):
        crowd = [stack.enter_context(connected(path)) for _ in range(CONNECTIONS_MAX + 5)]
        for _ in range(10):
            dataplane.turn()
        assert [refusal_of(connection) for connection in crowd[CONNECTIONS_MAX:]] == ["busy"] * 5
        clock.pass_ms(SILENT_MS_MAX)
        dataplane.turn()
        late = stack.enter_context(connected(path))
        late.send(encode_request(Request(Want.OBSERVE, 0)))
        dataplane.turn()  # accepts
        dataplane.turn()  # answers
        _, fds = receive(late)
        assert len(fds) == 1
        os.close(fds[0])


def test_a_crowd_of_one_process_leaves_room_for_others(
    dataplane: PortlessDataplane, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Peer(os.getpid(), os.geteuid())
    monkeypatch.setattr(server, "peer_of", lambda _: mine._replace(pid=1))
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connected(path)) for _ in range(CONNECTIONS_MAX + 5)]
        refused = crowd[CONNECTIONS_PER_PROCESS_MAX:]
        assert [refusal_of(connection) for connection in refused] == ["busy"] * len(refused)
        monkeypatch.setattr(server, "peer_of", lambda _: mine)
        for connect in (client.observe, client.control, client.events):
            connect(path).close()


def test_a_lease_without_descriptors_for_it_is_free_again(
    dataplane: PortlessDataplane, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_library: ctypes.CDLL) -> CommandRings:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def is_refused() -> None:
        with pytest.raises(DataplaneAwayError):
            client.control(path, 60)

    with client.control(path) as holder:
        waiter = threading.Thread(target=is_refused)
        waiter.start()
        wait_for(lambda: bool(dataplane.control._holders.waiters), "a waiter", every_s=0.001)
        with monkeypatch.context() as patch:
            patch.setattr(server, "CommandRings", refuse)
            holder.close()
            waiter.join()
            is_refused()


def test_a_crowd_at_the_door_is_let_in_a_bounded_number_a_turn(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with (
        PortlessDataplane(settings(path, tmp_path / "state")) as dataplane,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(CONNECTIONS_PER_PROCESS_MAX):
            stack.enter_context(connected(path))
        dataplane.turn()
        assert len(dataplane.control._clients) == ACCEPTS_PER_TURN
        dataplane.turn()
        assert len(dataplane.control._clients) == 2 * ACCEPTS_PER_TURN


def test_rings_for_which_descriptors_do_not_suffice_leave_none_behind(
    library: ctypes.CDLL,
) -> None:
    def opened() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before, limits = opened(), resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    with contextlib.ExitStack() as stack:
        for _ in range(highest):  # no number is free below the limit
            stack.callback(os.close, os.dup(0))
        free = os.dup(0)
        os.close(free)
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for left in range(8):  # rings have four descriptors, and their mappings as many
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, limits[1]))
            with pytest.raises(OSError, match="Too many open files"):
                CommandRings(library)
    assert opened() == before
