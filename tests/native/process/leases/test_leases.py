"""Who gets a lease, in which order, and how it ends."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dataplane import client
from dataplane.base.errors import (
    DataplaneAwayError,
    LeaseBusyError,
)
from dataplane.base.networks import Network
from dataplane.base.process.listener import Peer
from dataplane.control import server
from tests.native.process.leases.leases_support import DATABASE, wait_until
from tests.support.servers.dataplane import ROOT, PortlessDataplane, spawn


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
        f"lease = client.{kind}(Path(sys.argv[1]), 60); print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        timer = threading.Timer(0.1, holder.send_signal, [signal.SIGKILL])
        timer.start()
        with getattr(client, kind)(path, 60):
            assert holder.wait() == -signal.SIGKILL
        timer.join()


def test_four_wait_and_the_fifth_is_told_busy_at_once(
    dataplane: PortlessDataplane, path: Path
) -> None:
    with client.control(path):
        waiters = [threading.Thread(target=_try_control, args=(path,)) for _ in range(4)]
        for waiter in waiters:
            waiter.start()
        wait_until(lambda: len(dataplane.control._holders.waiters) == 4)
        with pytest.raises(LeaseBusyError, match="4 others wait"):
            client.control(path, timeout_s=60)
    for waiter in waiters:
        waiter.join()


def _try_control(path: Path) -> None:
    client.control(path, timeout_s=60).close()


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


def test_leases_leave_no_descriptors_behind(dataplane: PortlessDataplane, path: Path) -> None:
    def round_trip() -> int:
        with client.control(path, 60), client.events(path, 60), client.observe(path):
            pass
        control, events = dataplane.control, dataplane.events
        wait_until(
            lambda: not (control._clients or control._holders.rings or events._retired.count)
        )
        wait_until(lambda: events.free and not events._retired.count)
        gc.collect()  # of earlier tests
        return len(list(Path("/proc/self/fd").iterdir()))

    before = round_trip()
    assert [round_trip() for _ in range(5)] == [before] * 5
