"""Rules in the data plane process: from the state log to in force, through every kind of death."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dataplane.base.clock import SystemClock
from dataplane.client import control, observe
from dataplane.statelog import StateLogWriter
from dataplane.statelog.changes import PutRule
from dataplane.waf.document import Rule, to_row
from tests.native.process.test_process import Node
from tests.support.documents.rules_header import RulesHeader

pytestmark = pytest.mark.skipif(
    "sanitize" in os.environ.get("SECBEAT_LIBRARY", ""), reason="the library part without DPDK"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Node]]:
    nodes: list[Node] = []

    def begin() -> Node:
        directory = tmp_path / f"run{len(nodes)}"
        directory.mkdir()
        (directory / "state").symlink_to(tmp_path / "state")
        nodes.append(Node(directory, rules_cache=str(tmp_path / "rules")))
        nodes[-1].await_message(b"READY=1")
        return nodes[-1]

    yield begin
    for node in nodes:
        node.close()


@pytest.fixture
def log(tmp_path: Path) -> StateLogWriter:
    """With one rule, at revision 1."""
    (tmp_path / "state").mkdir()
    database_id = uuid4()
    writer = StateLogWriter(tmp_path / "state", SystemClock())
    writer.open(database_id)
    writer.snapshot(database_id, 1, [], None, [to_row(Rule(1, "union.*select"))])
    return writer


def test_a_rule_of_the_log_is_in_force_and_so_is_one_that_comes(
    start: Callable[[], Node], log: StateLogWriter
) -> None:
    node = start()
    with observe(node.socket, timeout_s=60) as observer:
        header = RulesHeader(observer)
        header.wait(lambda it: it.word("rules_through") == 1 and it.is_ready)
        log.append(2, [PutRule(to_row(Rule(2, "evil")))])
        with control(node.socket, timeout_s=60) as client:
            client.doorbell(2)
        header.wait(lambda it: it.word("rules_through") == 2)
        assert header.word("rules_used") == 2


def test_a_bad_rule_is_rejected_and_what_follows_is_in_force(
    start: Callable[[], Node], log: StateLogWriter
) -> None:
    log.append(2, [PutRule(to_row(Rule(2, "(")))])
    log.append(3, [PutRule(to_row(Rule(3, "good")))])
    node = start()
    with observe(node.socket, timeout_s=60) as observer:
        RulesHeader(observer).wait(lambda it: it.word("rules_through") == 3)
        stats = observer.stats()
    assert "rejected" in stats.degraded


def test_after_kill_rules_are_in_force_before_anything_is_forwarded(
    start: Callable[[], Node], log: StateLogWriter
) -> None:
    node = start()
    with observe(node.socket, timeout_s=60) as observer:
        RulesHeader(observer).wait(lambda it: it.word("rules_through") == 1)
    node.process.send_signal(signal.SIGKILL)
    node.wait()
    again = start()
    with observe(again.socket, timeout_s=60) as observer:
        header = RulesHeader(observer)
        assert (header.word("rules_through"), header.is_ready) == (1, True)
    loaded = [event for event in again.events() if event["event"] == "rules loaded"]
    assert [(event["rules"], event["pending"]) for event in loaded] == [(1, 0)]


def test_no_compile_helper_survives_its_data_plane(
    start: Callable[[], Node], log: StateLogWriter
) -> None:
    node = start()
    with observe(node.socket, timeout_s=60) as observer:
        RulesHeader(observer).wait(lambda it: it.word("rules_through") == 1)
    family = descendants(node.process.pid)
    assert len(family) == 2
    node.process.send_signal(signal.SIGKILL)
    node.wait()
    end = time.monotonic() + 60
    while any(is_alive(pid) for pid in family):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_node_that_drains_leaves_no_socket_of_its_compiler(
    start: Callable[[], Node], log: StateLogWriter
) -> None:
    node = start()
    socket = node.socket.with_name("rules.sock")
    with observe(node.socket, timeout_s=60) as observer:
        RulesHeader(observer).wait(lambda it: it.word("rules_through") == 1)
    assert socket.exists()
    node.process.terminate()
    assert node.wait() == 0
    assert not socket.exists()


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in children for one in (int(child), *descendants(int(child)))]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
