"""A revision is in force after the doorbell, and what a client asks for wakes the data plane."""

from __future__ import annotations

import ctypes
from pathlib import Path
from uuid import UUID

from dataplane import client
from dataplane.base.clock import SystemClock
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog import StateLogWriter
from tests.native.process.leases.leases_support import DATABASE, put
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


def test_a_revision_is_in_force_after_the_doorbell(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    with client.control(path) as control:
        for revision in range(1, 20):
            writer.append(revision, [put(f"192.0.2.{revision}"), put(f"10.{revision}.0.0/16")])
            control.doorbell(revision)
            assert control.wait_in_force(DATABASE, revision, 60)
        stats = control.stats()
        assert stats.in_force(DATABASE, 19)
        assert (stats.state, stats.degraded) == ("running", ())
        assert stats.capacities.addresses_used == 19
        assert stats.capacities.prefixes_used_ipv4 == 19


def test_what_a_client_asks_for_wakes_the_data_plane(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        for ask in (
            lambda: control.doorbell(1),
            lambda: control.explain([("blacklist", Network.parse("192.0.2.1"))], 0.001),
        ):
            assert not dataplane.control.wait(0)
            ask()
            assert dataplane.control.wait(60)
            while dataplane.control.wait(0) or dataplane.control.is_busy:
                dataplane.turn()
        control.close()


def test_another_database_fits_into_full_tables(library: ctypes.CDLL, tmp_path: Path) -> None:
    chosen = settings(tmp_path / "s", tmp_path / "state", addresses_max=5000, prefixes_max=500)
    log = StateLogWriter(tmp_path / "state", SystemClock())
    with PortlessDataplane(chosen) as dataplane:
        for database in (1, 2):
            addresses = (put(f"10.{database}.{i >> 8}.{i & 255}") for i in range(5000))
            prefixes = (put(f"{database + 1}.{i >> 8}.{i & 255}.0/24") for i in range(500))
            log.open(UUID(int=database))
            log.snapshot(UUID(int=database), 1, [*addresses, *prefixes], None)
            dataplane.reconciler.start()
        usage = dataplane.lists.usage()
        assert (usage.addresses_used, usage.prefixes_used_ipv4) == (5000, 500)
        assert dataplane.stats.header.rejected_count == 0
        key = Network.parse("10.2.0.1").key
        assert dataplane.lists.get(key, 128, abi.ListKind.BLACKLIST) is not None


def test_waiting_for_what_does_not_come_ends(dataplane: PortlessDataplane, path: Path) -> None:
    with client.control(path) as control:
        assert not control.wait_in_force(DATABASE, 5, 0.01)
