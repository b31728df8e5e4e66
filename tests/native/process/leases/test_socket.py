"""The control socket: whose it is, and that it answers while the state is being loaded."""

from __future__ import annotations

import ctypes
import socket
import stat
import threading
from pathlib import Path

import pytest

from dataplane import client
from dataplane.base.errors import (
    ConfigurationError,
)
from dataplane.base.networks import Network
from dataplane.statelog import Put, StateLogWriter
from tests.native.process.leases.leases_support import DATABASE, wait_until
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


def test_the_socket_is_for_its_group_and_goes_with_the_data_plane(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_a_socket_left_by_a_crash_is_replaced_and_one_in_use_is_not(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
        left.bind(str(path))
    with PortlessDataplane(settings(path, tmp_path / "state")):
        with pytest.raises(ConfigurationError, match="another data plane"):
            PortlessDataplane(settings(path, tmp_path / "state"))
        assert path.exists()


def test_a_socket_that_is_gone_is_made_again_and_clients_go_on(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with client.observe(path) as earlier:
        path.unlink()
        wait_until(path.exists)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with client.observe(path) as later:
            assert later.stats().pid == earlier.stats().pid


def test_a_socket_that_can_not_be_made_again_is_tried_until_it_can(
    library: ctypes.CDLL, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    path = directory / "dataplane.sock"
    with PortlessDataplane(settings(path, tmp_path / "state")) as made, turning(made):
        path.unlink()
        directory.rmdir()
        wait_until(lambda: made.control._trouble)
        directory.mkdir()
        wait_until(path.exists)
        with client.observe(path) as observer:
            assert observer.stats().state == "running"


def test_an_unknown_client_user_is_named(library: ctypes.CDLL, tmp_path: Path, path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'no-such-user'"):
        PortlessDataplane(settings(path, tmp_path / "state", client_users=("no-such-user",)))


def test_clients_are_answered_while_the_state_is_being_loaded(
    library: ctypes.CDLL, tmp_path: Path, path: Path, writer: StateLogWriter
) -> None:
    entries = [Put("blacklist", Network.parse(f"10.0.{i >> 8}.{i & 255}")) for i in range(60_000)]
    writer.snapshot(DATABASE, 5, entries, None)
    states: list[tuple[str, bool]] = []

    def look() -> None:
        with client.observe(path, 10) as observer:
            stats = observer.stats()
            states.append((stats.state, stats.in_force(DATABASE, 5)))

    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        observer = threading.Thread(target=look)
        turns = iter(range(1_000_000))

        def between() -> None:
            if next(turns) == 1:
                observer.start()
                while observer.is_alive():
                    dataplane.control.turn()

        dataplane.reconciler.start(between)
        assert states == [("starting", False)]
        assert dataplane.stats.header.applied_through == 5
