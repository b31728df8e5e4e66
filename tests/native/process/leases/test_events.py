"""Events reach the client, and their memory is kept until no worker writes there."""

from __future__ import annotations

import ctypes
from pathlib import Path

from dataplane import client
from dataplane.base.networks import Network
from dataplane.control.rings import RETIRED_LEASES_MAX
from dataplane.native import abi
from tests.native.process.leases.leases_support import wait_until
from tests.support.servers.dataplane import PortlessDataplane, settings


def test_events_of_every_ring_reach_the_client(
    library: ctypes.CDLL, dataplane: PortlessDataplane, path: Path
) -> None:
    with client.events(path) as events:
        wait_until(lambda: all(dataplane.consumers.values()))
        for lcore in range(2):
            push_sample(library, dataplane, lcore)
        dataplane.control.notice(abi.NoticeKind.LINK_CHANGED, 1)
        found = events.drain()
        assert client.Notice in {type(event) for event in found}
        samples = [event for event in found if isinstance(event, client.DropSample)]
        assert {sample.client for sample in samples} == {"192.0.2.0", "192.0.2.1"}
        assert {(s.reason, s.mode, s.port, s.boot_ms) for s in samples} == {
            ("blacklist", "enforce", "outside", 700)
        }
        assert events.drain() == []


def test_an_events_lease_begins_where_the_last_one_ended(
    library: ctypes.CDLL, dataplane: PortlessDataplane, path: Path
) -> None:
    for _ in range(3):
        with client.events(path, 60) as events:
            wait_until(lambda: all(dataplane.consumers.values()))
            push_sample(library, dataplane, 0)
            assert len(events.drain()) == 1
            for _ in range(2000):
                push_sample(library, dataplane, 1)  # left there when the lease ends
        wait_until(lambda: not any(dataplane.consumers.values()))


def push_sample(library: ctypes.CDLL, dataplane: PortlessDataplane, lcore: int) -> int:
    """What a worker does."""
    client_key = Network.parse(f"192.0.2.{lcore}").key
    sample = abi.DropSample(boot_ds=7, reason=abi.Reason.BLACKLIST, mode=abi.Mode.ENFORCE)
    sample.client[:] = list(client_key)
    element = abi.RingElement(kind=abi.Message.DROP_SAMPLE)
    ctypes.memmove(element.payload, bytes(sample), ctypes.sizeof(sample))
    producer = dataplane.events.producer_address(lcore)
    push = library.sb_ring_push
    return int(push(producer, dataplane.consumers[lcore], ctypes.addressof(element)))


def test_event_memory_is_kept_until_every_worker_has_moved_on(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    chosen = settings(path, tmp_path / "state", lcores=2)
    with PortlessDataplane(chosen) as dataplane:
        dataplane.readers.count = 2
        dataplane.events.begin_lease()
        dataplane.events.end_lease()
        for moved_on, kept in (([], 1), ([1], 1), ([0], 0)):
            for lcore in moved_on:
                dataplane.readers.reader[lcore].quiescent += 1
            dataplane.events.turn()
            assert dataplane.events._retired.count == kept


def test_no_events_lease_is_given_while_the_memory_of_several_waits_for_a_worker(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state", lcores=2)) as dataplane:
        dataplane.readers.count = 2
        while dataplane.events.free:
            dataplane.events.begin_lease()
            dataplane.events.end_lease()
        assert dataplane.events._retired.count == RETIRED_LEASES_MAX
        for lcore in range(2):
            dataplane.readers.reader[lcore].quiescent += 1
        dataplane.events.turn()
        assert dataplane.events.free
