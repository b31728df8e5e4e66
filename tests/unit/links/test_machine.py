"""When a port's link is kept down, and when both are let come back."""

from __future__ import annotations

import pytest

from dataplane.native.abi import LinksState, Port
from dataplane.run.links.machine import SETTLE_MS, LinkMachine

HOLD_MS = 5_000
BOTH = frozenset(Port)
OUTSIDE, INSIDE = frozenset({Port.OUTSIDE}), frozenset({Port.INSIDE})
NONE: frozenset[Port] = frozenset()
UP, LOST_OUTSIDE, LOST_INSIDE, DOWN = (True, True), (False, True), (True, False), (False, False)


class Node:
    """A machine, its clock, and the links as their cables are."""

    def __init__(self, hold_ms: int | None = HOLD_MS, can: frozenset[Port] = BOTH) -> None:
        self.now_ms = 1_000
        self.machine = LinkMachine(hold_ms, self.now_ms)
        for port in Port:
            self.machine.can_hold(port, can=port in can)

    def see(self, *cables: tuple[bool, bool], after_ms: int = 100) -> Node:
        """A held port has no link, whatever its cable has."""
        for cable in cables:
            self.now_ms += after_ms
            self.machine.turn(
                self.now_ms, [cable[port] and port not in self.machine.held for port in Port]
            )
        return self

    @property
    def state(self) -> tuple[LinksState, frozenset[Port]]:
        return self.machine.state, self.machine.held


@pytest.mark.parametrize(("cable", "held"), [(LOST_OUTSIDE, INSIDE), (LOST_INSIDE, OUTSIDE)])
def test_a_lost_link_takes_the_other_down_at_once(
    cable: tuple[bool, bool], held: frozenset[Port]
) -> None:
    node = Node().see(UP, cable)
    assert node.state == (LinksState.LOST, held)
    assert node.machine.losses == 1


def test_both_come_back_together_when_the_hold_time_is_over() -> None:
    node = Node().see(UP, LOST_OUTSIDE).see(LOST_OUTSIDE, after_ms=HOLD_MS)
    assert node.state == (LinksState.LOST, INSIDE)
    assert node.see(UP).state == (LinksState.SETTLING, NONE)
    assert node.see(UP).state == (LinksState.WATCHING, NONE)


def test_a_link_that_is_back_too_early_is_held_too_until_the_hold_time_is_over() -> None:
    node = Node().see(UP, LOST_OUTSIDE, UP)
    assert node.state == (LinksState.HOLDING, BOTH)
    assert node.see(UP, after_ms=HOLD_MS - 200).state == (LinksState.HOLDING, BOTH)
    assert node.see(UP).state == (LinksState.SETTLING, NONE)


def test_a_link_that_flaps_is_seen_to_come_once_in_a_hold_time() -> None:
    node = Node()
    releases = 0
    for turn in range(600):  # a minute
        before = node.machine.state
        node.see(LOST_OUTSIDE if turn % 5 == 0 else UP)
        releases += (before, node.machine.state) == (LinksState.HOLDING, LinksState.SETTLING)
    assert 1 < releases <= 60_000 // HOLD_MS


def test_a_link_lost_while_both_are_held_is_seen_when_links_had_time_to_come() -> None:
    node = Node().see(UP, LOST_OUTSIDE, UP, LOST_OUTSIDE).see(LOST_OUTSIDE, after_ms=HOLD_MS)
    assert node.state == (LinksState.SETTLING, NONE)
    node.see(LOST_OUTSIDE, after_ms=SETTLE_MS - 1)
    assert node.state == (LinksState.SETTLING, NONE)
    assert node.see(LOST_OUTSIDE, LOST_OUTSIDE).state == (LinksState.LOST, INSIDE)


def test_a_link_that_nobody_can_hold_and_is_lost_again_begins_the_hold_time_anew() -> None:
    node = Node(can=INSIDE).see(UP, LOST_OUTSIDE, UP)
    assert node.state == (LinksState.HOLDING, INSIDE)
    node.see(LOST_OUTSIDE, after_ms=HOLD_MS - 200)
    assert node.state == (LinksState.LOST, INSIDE)
    assert node.see(UP).see(UP, after_ms=HOLD_MS - 200).state == (LinksState.HOLDING, INSIDE)
    assert node.see(UP).state == (LinksState.SETTLING, NONE)
    assert node.machine.losses == 1


def test_both_down_holds_nothing_and_the_first_to_come_waits_for_the_other() -> None:
    node = Node().see(UP, DOWN)
    assert node.state == (LinksState.WATCHING, NONE)
    assert node.see(LOST_INSIDE).state == (LinksState.LOST, OUTSIDE)
    assert node.see(UP).state == (LinksState.HOLDING, BOTH)
    assert node.see(UP, after_ms=HOLD_MS).state == (LinksState.SETTLING, NONE)


def test_after_a_start_links_have_time_to_come() -> None:
    node = Node().see(LOST_OUTSIDE)
    assert node.state == (LinksState.SETTLING, NONE)
    assert node.see(LOST_OUTSIDE, LOST_OUTSIDE, after_ms=SETTLE_MS).state == (
        LinksState.LOST,
        INSIDE,
    )


def test_off_holds_nothing() -> None:
    node = Node(hold_ms=None).see(UP, LOST_OUTSIDE, LOST_OUTSIDE)
    assert node.state == (LinksState.WATCHING, NONE)
    assert node.machine.is_complete


def test_what_nobody_can_hold_is_not_held_nor_counted_and_is_said() -> None:
    node = Node(can=NONE).see(UP, LOST_OUTSIDE)
    assert node.state == (LinksState.LOST, NONE)
    assert (node.machine.losses, node.machine.is_complete) == (0, False)
    assert node.see(UP, UP).state == (LinksState.WATCHING, NONE)


def test_a_port_that_turns_out_not_to_be_held_is_let_go() -> None:
    node = Node().see(UP, LOST_OUTSIDE)
    node.machine.can_hold(Port.INSIDE, can=False)
    assert node.state == (LinksState.LOST, NONE)
    assert node.see(UP).state == (LinksState.SETTLING, NONE)


def test_a_node_that_drains_holds_both_until_it_works_again() -> None:
    node = Node(hold_ms=None).see(UP)
    node.machine.turn(node.now_ms, UP, drains=True)
    assert node.state == (LinksState.DRAINED, BOTH)
    node.machine.turn(node.now_ms, DOWN, drains=True)
    assert node.state == (LinksState.DRAINED, BOTH)
    assert node.see(UP).state == (LinksState.SETTLING, NONE)


def test_a_drain_that_may_take_links_down_wants_both_ports_to_be_held() -> None:
    machine = LinkMachine(None, 0, may_drain=True)
    assert not machine.is_complete
    for port in Port:
        machine.can_hold(port, can=True)
    assert machine.is_complete
