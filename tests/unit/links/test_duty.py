"""Links are set as the machine says, and the page says how they are."""

from __future__ import annotations

import errno

import pytest

from dataplane.base.errors import NativeError
from dataplane.native import abi
from dataplane.native.abi import Degraded, NoticeKind, Port
from dataplane.run.links.duty import Links
from tests.support.clock import FakeClock


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

    def __init__(self, hold_ms: int | None = 5_000) -> None:
        self.header, self.clock = abi.StatsHeader(), FakeClock()
        self.cables = (Cable(), Cable())
        self.told: list[tuple[NoticeKind, int]] = []
        self.links = Links(self.header, self.cables, self.clock, hold_ms)
        self.links.notice = lambda kind, value: self.told.append((kind, value))

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
