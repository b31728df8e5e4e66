"""Questions about entries: answered, bounded, and in the way of no ban."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path

from dataplane import client
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog import Put, StateLogWriter
from tests.native.process.leases.leases_support import DATABASE, put, wait_until
from tests.native.tables.lists.lists_support import Reader
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


def test_explain_answers_more_keys_than_a_ring_holds(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    networks = [Network.parse(f"10.0.{i >> 8}.{i & 255}") for i in range(3 * abi.RING_SLOTS)]
    with writer.import_file("1") as file:
        file.write(Put("blacklist", network) for network in networks[::2])
    writer.append(1, [file.change()])
    with client.control(path) as control:
        control.doorbell(1)
        assert control.wait_in_force(DATABASE, 1, 60)
        answers = control.explain([("blacklist", network) for network in networks], 60)
    assert len(answers) == len(networks)
    found = {network for (_, network), answer in answers.items() if answer.found}
    assert found == set(networks[::2])


def test_the_most_hit_networks_are_published_within_a_round(
    library: ctypes.CDLL, dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    writer.append(1, [put("192.0.2.1"), put("198.51.100.0/24"), put("203.0.113.9")])
    with client.control(path) as control:
        control.doorbell(1)
        assert control.wait_in_force(DATABASE, 1, 60)
        assert control.most_hit("blacklist") == []
        sources = ["192.0.2.1"] * 2 + ["198.51.100.7"] * 5
        keys = [int.from_bytes(Network.parse(source).key) for source in sources]
        Reader(library, dataplane.lists.address).verdicts(keys, 0)
        networks = [Network.parse(text) for text in ("198.51.100.0/24", "192.0.2.1")]
        wait_until(lambda: control.most_hit("blacklist") == networks)
        assert control.most_hit("allowlist") == []


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
            assert set(control.explain([other], 60)) == {other}


def test_control_may_be_shared_by_threads(dataplane: PortlessDataplane, path: Path) -> None:
    failures: list[object] = []

    def ask(control: client.Control, number: int) -> None:
        keys = [("blacklist", Network.parse(f"10.{number}.0.{i}")) for i in range(200)]
        for _ in range(5):
            control.doorbell(number)
            answers = control.explain(keys, 60)  # type: ignore[arg-type]
            if set(answers) != set(keys):
                failures.append((number, len(answers)))

    with client.control(path) as control:
        threads = [threading.Thread(target=ask, args=(control, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
