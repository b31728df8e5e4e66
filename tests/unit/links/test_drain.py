"""What a drain waits for, and when it is complete."""

from __future__ import annotations

from dataplane.base.settings import DrainSettings
from dataplane.native.abi import DrainState
from dataplane.run.links.drain import DrainMachine

KEEP = DrainSettings(connections_ms=30_000, quiet_ms=10_000)
DOWN = DrainSettings(takes_links_down=True, connections_ms=30_000, quiet_ms=10_000)


class Node:
    """A machine and its clock."""

    def __init__(self, settings: DrainSettings) -> None:
        self.machine = DrainMachine(settings)
        self.now_ms, self.packets = 1_000, 0

    def turn(
        self, after_ms: int = 100, *, proxied: int = 0, packets: int = 0, down: bool = False
    ) -> DrainState:
        self.now_ms += after_ms
        self.packets += packets
        self.machine.turn(self.now_ms, proxied=proxied, packets=self.packets, are_links_down=down)
        return self.machine.state


def test_links_go_down_at_once_where_nothing_is_proxied() -> None:
    node = Node(DOWN)
    assert node.turn(packets=5) is DrainState.TRAFFIC
    assert node.machine.holds_links
    assert node.turn(down=True) is DrainState.COMPLETE
    assert node.machine.lost == 0


def test_proxied_connections_are_waited_for() -> None:
    node = Node(DOWN)
    assert node.turn(proxied=2, packets=1) is DrainState.CONNECTIONS
    assert not node.machine.holds_links
    assert node.turn(29_000, proxied=1, packets=1) is DrainState.CONNECTIONS
    node.turn(proxied=0, packets=1)
    assert node.machine.holds_links


def test_those_that_do_not_end_are_lost_and_counted_once() -> None:
    node = Node(DOWN)
    node.turn(proxied=3)
    node.turn(30_000, proxied=3, packets=1)
    assert node.machine.holds_links
    for _ in range(3):
        assert node.turn(proxied=3, down=True) is DrainState.COMPLETE
    assert node.machine.lost == 3
    node.machine.end()
    assert (node.machine.state, node.machine.lost) == (DrainState.OFF, 3)
    node.turn()
    assert node.turn(down=True) is DrainState.COMPLETE
    assert node.machine.lost == 3


def test_a_node_that_keeps_its_links_waits_for_quiet() -> None:
    node = Node(KEEP)
    assert node.turn(packets=9) is DrainState.TRAFFIC
    assert not node.machine.holds_links
    assert node.turn(9_000, packets=1) is DrainState.TRAFFIC
    assert node.turn(9_999) is DrainState.TRAFFIC
    assert node.machine.quiet_ms == 9_999
    assert node.turn(1) is DrainState.COMPLETE


def test_traffic_that_comes_back_is_waited_for_again() -> None:
    node = Node(KEEP)
    node.turn()
    assert node.turn(10_000) is DrainState.COMPLETE
    assert node.turn(packets=1) is DrainState.TRAFFIC


def test_links_that_nobody_can_take_down_leave_the_wait_for_quiet() -> None:
    node = Node(DOWN)
    node.turn(packets=1)
    assert node.turn(9_000, packets=1) is DrainState.TRAFFIC
    assert node.turn(10_000) is DrainState.COMPLETE


def test_links_that_are_down_stay_down_whatever_still_comes() -> None:
    node = Node(DOWN)
    node.turn()
    node.turn(proxied=1, packets=1)
    assert node.machine.holds_links
