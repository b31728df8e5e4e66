"""Leases over the control socket: who gets what, in which order, and what comes back."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from dataplane import abi, client
from dataplane import control as server
from dataplane.clock import SystemClock
from dataplane.errors import ConfigurationError, DataplaneAwayError, LeaseBusyError
from dataplane.listener import Peer
from dataplane.networks import Network
from dataplane.statelog import Import, Put, StateLogWriter
from tests.support.dataplane import ROOT, PortlessDataplane, settings, spawn, turning

DATABASE = UUID(int=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the control socket."""
    return tmp_path / "dataplane.sock"


@pytest.fixture
def dataplane(library: ctypes.CDLL, tmp_path: Path, path: Path) -> Iterator[PortlessDataplane]:
    """Two lcores' rings, nobody polls, and a thread that turns it."""
    chosen = settings(path, tmp_path / "state", lcores=2)
    with PortlessDataplane(chosen) as made, turning(made):
        yield made


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    writer = StateLogWriter(tmp_path / "state", SystemClock())
    assert writer.open(DATABASE) is None
    writer.snapshot(DATABASE, 0, [], None)
    return writer


def put(text: str) -> Put:
    return Put("blacklist", Network.parse(text))


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_a_revision_is_in_force_after_the_doorbell(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    with client.control(path) as control:
        for revision in range(1, 20):
            writer.append(revision, [put(f"192.0.2.{revision}"), put(f"10.{revision}.0.0/16")])
            control.doorbell(revision)
            assert control.wait_in_force(DATABASE, revision, 10)
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
            control.drain,
        ):
            assert not dataplane.control.wait(0)
            ask()
            assert dataplane.control.wait(10)
            while dataplane.control.wait(0) or dataplane.control.is_busy:
                dataplane.turn()
        assert dataplane.draining
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


def test_explain_answers_more_keys_than_a_ring_holds(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    networks = [Network.parse(f"10.0.{i >> 8}.{i & 255}") for i in range(3 * abi.RING_SLOTS)]
    with writer.import_file("1") as file:
        file.write(Put("blacklist", network) for network in networks[::2])
    writer.append(1, [Import(file.file, file.count)])
    with client.control(path) as control:
        control.doorbell(1)
        assert control.wait_in_force(DATABASE, 1, 10)
        answers = control.explain([("blacklist", network) for network in networks], 10)
    assert len(answers) == len(networks)
    found = {network for (_, network), answer in answers.items() if answer.found}
    assert found == set(networks[::2])


def test_a_ban_does_not_wait_for_questions_before_it(
    library: ctypes.CDLL, tmp_path: Path, path: Path, writer: StateLogWriter
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        for number in range(100):
            question = abi.Explain(id=number, deadline_boot_ms=1 << 60, prefix_length=128)
            control._commands.push(abi.Message.EXPLAIN, bytes(question))
        writer.append(1, [put("192.0.2.1")])
        control.doorbell(1)
        dataplane.control.turn()
        dataplane.reconciler.turn()
        assert control.wait_in_force(DATABASE, 1, 0)
        assert control._replies.pop() is None
        dataplane.control.answer()
        assert control._replies.pop() is not None
        control.close()


def test_explain_gives_up_in_time_and_the_next_one_is_not_confused(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    with PortlessDataplane(settings(path, tmp_path / "state")) as dataplane:
        with turning(dataplane):
            control = client.control(path)
        key = ("blacklist", Network.parse("192.0.2.1"))
        assert control.explain([key], 0.01) == {}  # nobody turns
        with control, turning(dataplane):
            other = ("allowlist", Network.parse("192.0.2.2"))
            assert set(control.explain([other], 10)) == {other}


def test_control_may_be_shared_by_threads(dataplane: PortlessDataplane, path: Path) -> None:
    failures: list[object] = []

    def ask(control: client.Control, number: int) -> None:
        keys = [("blacklist", Network.parse(f"10.{number}.0.{i}")) for i in range(200)]
        for _ in range(5):
            control.doorbell(number)
            answers = control.explain(keys, 20)  # type: ignore[arg-type]
            if set(answers) != set(keys):
                failures.append((number, len(answers)))

    with client.control(path) as control:
        threads = [threading.Thread(target=ask, args=(control, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_drain_reaches_the_data_plane(dataplane: PortlessDataplane, path: Path) -> None:
    with client.control(path) as control:
        control.drain()
        wait_until(lambda: dataplane.draining)


def test_a_second_control_client_is_told_busy_after_the_time_it_gave(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with client.control(path), pytest.raises(LeaseBusyError):
        client.control(path, timeout_s=0.05)
    client.control(path).close()


@pytest.mark.parametrize("kind", ["control", "events"])
def test_a_waiting_client_gets_the_lease_when_its_holder_is_killed(
    dataplane: PortlessDataplane, path: Path, kind: str
) -> None:
    script = (
        "import sys, time; from pathlib import Path; from dataplane import client\n"
        f"lease = client.{kind}(Path(sys.argv[1]), 5); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        timer = threading.Timer(0.1, holder.send_signal, [signal.SIGKILL])
        timer.start()
        with getattr(client, kind)(path, 5):
            assert holder.wait() == -signal.SIGKILL
        timer.join()


def test_four_wait_and_the_fifth_is_told_busy_at_once(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with client.control(path):
        waiters = [threading.Thread(target=_try_control, args=(path,)) for _ in range(4)]
        for waiter in waiters:
            waiter.start()
        wait_until(lambda: len(dataplane.control._leases.waiters) == 4)
        with pytest.raises(LeaseBusyError, match="4 others wait"):
            client.control(path, timeout_s=5)
    for waiter in waiters:
        waiter.join()


def _try_control(path: Path) -> None:
    client.control(path, timeout_s=5).close()


def test_sixteen_observe_eight_of_a_process_and_the_next_is_told_busy(
    dataplane: PortlessDataplane, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observers = []
    for pid in (1, 2):
        monkeypatch.setattr(server, "peer_of", lambda _, pid=pid: Peer(pid, os.geteuid()))
        observers += [client.observe(path) for _ in range(8)]
        with pytest.raises(LeaseBusyError, match="8 of one process"):
            client.observe(path)
    monkeypatch.setattr(server, "peer_of", lambda _: Peer(3, os.geteuid()))
    with pytest.raises(LeaseBusyError, match="16 observers"):
        client.observe(path)
    observers.pop().close()
    client.observe(path).close()
    for observer in observers:
        assert observer.stats().state == "running"
        observer.close()


def test_observing_loads_no_library(dataplane: PortlessDataplane, path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dataplane import client\n"
        "with client.observe(Path(sys.argv[1])) as observer: observer.stats()\n"
        "maps = Path('/proc/self/maps').read_text()\n"
        "sys.exit('libsecbeat' in maps or 'librte' in maps)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, cwd=ROOT)


def test_counters_are_summed_over_the_lcores(dataplane: PortlessDataplane, path: Path) -> None:
    for index, lcore in enumerate(dataplane.stats.stats.lcore[:2]):
        port = lcore.port[abi.Port.INSIDE]
        port.received, port.dropped_bytes = 10 + index, 7
        port.held_now = (3, -1 % (1 << 64))[index]  # handed over by one, taken by the other
        port.dropped[abi.Reason.LAND] = 5
        lcore.latency_bucket[abi.LATENCY_BUCKETS - 1] = lcore.latency_count = 2
        lcore.profile[0].count[abi.Reason.BLACKLIST][abi.Mode.MONITOR] = 4
        lcore.origin[abi.Origin.RESET].tx_full = 1
        lcore.stage[abi.Stage.FORWARD].sampled_cycles = 100 + index
    dataplane.stats.header.device[abi.Port.INSIDE].speed_mbps = 10_000
    with client.observe(path) as observer:
        stats = observer.stats()
    port_stats = stats.ports["inside"]
    assert (port_stats.received, port_stats.dropped_bytes, port_stats.held_now) == (21, 14, 2)
    assert port_stats.dropped == {"land": 10}
    assert port_stats.speed_mbps == 10_000
    assert stats.ports["outside"].received == 0
    assert (stats.latency.count, stats.latency.buckets[-1]) == (4, 4)
    assert [(c.profile, c.reason, c.mode, c.packets) for c in stats.reasons] == [
        ("default", "blacklist", "monitor", 8)
    ]
    assert stats.origins["reset"].tx_full == 2
    assert [lcore.stages["forward"].sampled_cycles for lcore in stats.lcores] == [100, 101]


def test_rejections_are_told_newest_last_and_as_a_notice(
    library: ctypes.CDLL, tmp_path: Path, path: Path, writer: StateLogWriter
) -> None:
    chosen = settings(path, tmp_path / "state", addresses_max=64)
    networks = [Network.parse(f"10.0.{i >> 8}.{i & 255}") for i in range(1000)]
    with (
        PortlessDataplane(chosen) as dataplane,
        turning(dataplane),
        client.events(path) as events,
        client.control(path) as control,
    ):
        for revision, network in enumerate(networks, 1):
            writer.append(revision, [Put("blacklist", network)])
        assert control.wait_in_force(DATABASE, 1000, 20)
        stats = control.stats()
        notices = [event for event in events.drain(10_000) if isinstance(event, client.Notice)]
    count = stats.rejected_count
    assert count == 1000 - stats.capacities.addresses_used
    assert stats.degraded == ("rejected",)
    assert [entry.revision for entry in stats.rejected] == list(range(1001 - 255, 1001))
    last = stats.rejected[-1]
    assert (last.network, last.list, last.error) == ("10.0.3.231", "blacklist", "the table is full")
    assert [notice.value for notice in notices if notice.kind == "rejected"][-1] == 1000


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
        with client.events(path, 5) as events:
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


def test_event_memory_is_kept_until_every_worker_has_moved_on_twice(
    library: ctypes.CDLL, tmp_path: Path, path: Path
) -> None:
    chosen = settings(path, tmp_path / "state", lcores=2)
    with PortlessDataplane(chosen) as dataplane:
        dataplane.quiescent = (5, 9)
        dataplane.events.lease()
        dataplane.events.release()
        for quiescent, kept in (((6, 10), True), ((7, 10), True), ((7, 11), False)):
            dataplane.quiescent = quiescent
            dataplane.events.turn()
            assert bool(dataplane.events._retired) == kept


def test_a_data_plane_that_has_gone_is_noticed(tmp_path: Path, path: Path) -> None:
    with spawn(path, tmp_path / "state") as process:
        control, observer, events = client.control(path), client.observe(path), client.events(path)
        assert control.alive()
        process.kill()
        process.wait()
        assert not control.alive()
        for call in (
            control.stats,
            observer.stats,
            events.drain,
            lambda: control.doorbell(1),
            lambda: control.wait_in_force(DATABASE, 1, 0.01),
            lambda: control.explain([("blacklist", Network.parse("192.0.2.1"))]),
            lambda: client.observe(path),
        ):
            with pytest.raises(DataplaneAwayError):
                call()
        for lease in (control, observer, events):
            lease.close()
            lease.close()


def test_a_lease_that_was_given_back_says_so(dataplane: PortlessDataplane, path: Path) -> None:
    control = client.control(path)
    control.close()
    for call in (control.stats, lambda: control.doorbell(1)):
        with pytest.raises(DataplaneAwayError):
            call()


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


def test_an_unknown_client_user_is_named(library: ctypes.CDLL, tmp_path: Path, path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'no-such-user'"):
        PortlessDataplane(settings(path, tmp_path / "state", client_users=("no-such-user",)))


def test_leases_leave_no_descriptors_behind(dataplane: PortlessDataplane, path: Path) -> None:
    def round_trip() -> int:
        with client.control(path, 5), client.events(path, 5), client.observe(path):
            pass
        control, events = dataplane.control, dataplane.events
        wait_until(lambda: not (control._clients or control._leases.rings or events._retired))
        wait_until(lambda: events.free and not events._retired)
        gc.collect()  # of earlier tests
        return len(list(Path("/proc/self/fd").iterdir()))

    before = round_trip()
    assert [round_trip() for _ in range(5)] == [before] * 5


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
