"""Links are set as the machine says, and the page says how they are."""

from __future__ import annotations

import errno

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.settings import DrainSettings
from dataplane.native import abi
from dataplane.native.abi import Degraded, NoticeKind, Port
from dataplane.run.links.duty import Links
from tests.support.clock import FakeClock

KEEP = DrainSettings()


class Cable:
    """A port's link, and who sets it."""

    def __init__(self) -> None:
        self.has_carrier = self.is_set_up = self.can = True

    def set_link(self, *, up: bool) -> None:
        if not self.can:
            raise NativeError("device x can't set its link", errno.ENOTSUP)
        self.is_set_up = up


class Node:
    """A duty over two cables."""

    def __init__(self, hold_ms: int | None = 5_000, drain: DrainSettings = KEEP) -> None:
        self.header, self.clock = abi.StatsHeader(), FakeClock()
        self.cables = (Cable(), Cable())
        self.told: list[tuple[NoticeKind, int]] = []
        self.page = abi.LcoreStats()
        self.links = Links(
            *(self.header, self.cables, [self.page], self.clock), hold_ms=hold_ms, drain=drain
        )
        self.links.notice = lambda kind, value: self.told.append((kind, value))
        self.learnt_ms: list[int] = []
        self.links.learn = lambda: self.learnt_ms.append(self.clock.boot_ms())

    def turn(self, ms: int = 100) -> None:
        self.clock.pass_ms(ms)
        for cable, device in zip(self.cables, self.header.device, strict=True):
            device.link_up = int(cable.has_carrier and cable.is_set_up)
        self.links.turn()

    def lose_outside(self) -> None:
        self.turn()
        self.cables[0].has_carrier = False
        self.turn()


@pytest.fixture
def node() -> Node:
    made = Node()
    made.links.start()
    return made


def test_a_loss_is_forwarded_and_told(node: Node) -> None:
    node.lose_outside()
    assert [cable.is_set_up for cable in node.cables] == [True, False]
    assert [device.link_held for device in node.header.device] == [0, 1]
    assert [device.link_up for device in node.header.device] == [0, 0]
    assert (NoticeKind.LINK_HELD, Port.INSIDE) in node.told
    assert (node.header.links.state, node.header.links.losses) == (abi.LinksState.LOST, 1)
    assert node.header.degraded == Degraded.LINK


def test_the_link_comes_back_and_is_told(node: Node) -> None:
    node.lose_outside()
    node.cables[0].has_carrier = True
    node.turn(6_000)
    node.turn()
    assert all(cable.is_set_up for cable in node.cables)
    assert (NoticeKind.LINK_RELEASED, Port.INSIDE) in node.told
    assert (node.header.links.state, node.header.degraded) == (abi.LinksState.WATCHING, 0)


def test_the_end_leaves_no_link_down(node: Node) -> None:
    node.lose_outside()
    node.links.close()
    assert all(cable.is_set_up for cable in node.cables)


@pytest.mark.parametrize("hold_ms", [None, 5_000])
def test_a_start_ends_what_one_before_has_left_down(hold_ms: int | None) -> None:
    node = Node(hold_ms)
    node.cables[1].is_set_up = False
    node.links.start()
    assert node.cables[1].is_set_up


def test_a_driver_that_cannot_is_said() -> None:
    node = Node()
    node.cables[1].can = False
    node.links.start()
    node.turn()
    assert [device.link_can_be_held for device in node.header.device] == [1, 0]
    assert node.header.degraded == Degraded.LINK_HOLD


def test_without_loss_forwarding_a_driver_that_cannot_is_none_of_our_business() -> None:
    node = Node(None)
    node.cables[1].can = False
    node.links.start()
    node.turn()
    assert (node.header.degraded, node.header.links.loss_forwarding) == (0, 0)


def test_a_link_that_cannot_be_released_is_tried_again(node: Node) -> None:
    node.lose_outside()
    node.cables[1].can = False
    node.cables[0].has_carrier = True
    node.turn(6_000)
    assert not node.cables[1].is_set_up
    node.cables[1].can = True
    node.turn()
    assert node.cables[1].is_set_up
    assert node.header.device[1].link_held == 0


def test_connections_are_learnt_anew_when_both_links_are_back(node: Node) -> None:
    node.lose_outside()
    node.cables[0].has_carrier = True
    node.turn()  # within the hold time: both are held
    assert node.learnt_ms == []
    node.turn(6_000)
    assert node.learnt_ms == [node.clock.boot_ms()]
    node.turn()
    assert len(node.learnt_ms) == 1


@pytest.fixture
def draining() -> Node:
    made = Node(None, DrainSettings(takes_links_down=True))
    made.links.start()
    made.turn()
    made.header.drain.wanted = 1
    return made


def test_a_drain_takes_both_links_down_and_the_node_stays_well(draining: Node) -> None:
    draining.turn()
    draining.turn()
    assert not any(cable.is_set_up for cable in draining.cables)
    assert draining.header.drain.state == abi.DrainState.COMPLETE
    assert draining.header.links.state == abi.LinksState.DRAINED
    assert draining.header.degraded == 0
    draining.header.drain.wanted = 0
    draining.turn()
    draining.turn()
    assert all(cable.is_set_up for cable in draining.cables)
    assert draining.header.drain.state == abi.DrainState.OFF


@pytest.mark.parametrize("takes_links_down", [True, False])
def test_connections_are_learnt_anew_when_a_drain_ends(takes_links_down: bool) -> None:
    node = Node(None, DrainSettings(takes_links_down=takes_links_down))
    node.links.start()
    node.header.drain.wanted = 1
    node.turn()
    node.turn()
    assert node.learnt_ms == []
    node.header.drain.wanted = 0
    node.turn()
    assert set(node.learnt_ms) == {node.clock.boot_ms()}
    node.turn()
    assert node.clock.boot_ms() not in node.learnt_ms


def test_a_drain_waits_for_what_the_proxy_has_opened(draining: Node) -> None:
    draining.page.connections.proxied = 1
    draining.turn()
    assert draining.header.drain.state == abi.DrainState.CONNECTIONS
    assert all(cable.is_set_up for cable in draining.cables)


def test_control_of_the_link_is_no_traffic() -> None:
    node = Node(None, DrainSettings(quiet_ms=10_000))
    node.links.start()
    node.header.drain.wanted = 1
    node.turn()
    node.page.port[0].received = node.page.link[0][abi.Link.ARP] = 7
    node.turn(10_000)
    assert node.header.drain.state == abi.DrainState.COMPLETE
    node.page.port[0].received += 1
    node.turn()
    assert node.header.drain.state == abi.DrainState.TRAFFIC


def test_a_node_that_drains_stays_down_over_a_restart(draining: Node) -> None:
    draining.turn()
    draining.links.close()
    assert not any(cable.is_set_up for cable in draining.cables)
    after = Node(None, DrainSettings(takes_links_down=True))
    after.header.drain.wanted = 1
    after.links.start()
    assert not any(cable.is_set_up for cable in after.cables)
