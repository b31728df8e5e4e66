"""Packets of an attack in events.db."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.agent.recording.attacks.captures import INCIDENT_MAX, CaptureKeeper
from api.agent.recording.journal.journal import Journal
from api.history.tables import captures
from dataplane.base.networks import Network
from dataplane.shared.captures import Capture
from tests.support.clock import FakeClock
from tests.support.values.incidents import SYN_FLOOD

CARPET = replace(
    SYN_FLOOD,
    id="attack_00000000000000ff",
    target="203.0.113.0/24",
    target_kind="prefix",
    network=Network.parse("203.0.113.0/24"),
)
ACTIVE = {each.id: each for each in (SYN_FLOOD, CARPET)}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db")
    found.turn()
    yield found
    found.close()


def capture(clock: FakeClock, address: str | None, ago_ms: int = 0) -> Capture:
    protected = None if address is None else Network.parse(address)
    boot_ns = (clock.boot_ms() - ago_ms) * 1_000_000
    return Capture(boot_ns, 1500, 0, "rate_limit", "enforce", "outside", protected, b"packet")


def kept(journal: Journal) -> list[Any]:
    with journal.read() as connection:
        return list(connection.execute(select(captures).order_by(captures.c.number)))


def test_a_packet_is_of_the_attack_on_the_smallest_target_that_has_its_address(
    journal: Journal,
) -> None:
    clock = FakeClock()
    found = [capture(clock, each) for each in ("203.0.113.10", "203.0.113.11", "192.0.2.1", None)]
    CaptureKeeper(journal, clock).turn(found, ACTIVE)
    assert [row.incident_id for row in kept(journal)] == [SYN_FLOOD.id, CARPET.id]


def test_a_packet_has_its_time_and_what_was_done_with_it(journal: Journal) -> None:
    clock = FakeClock()
    CaptureKeeper(journal, clock).turn([capture(clock, "203.0.113.10", ago_ms=40)], ACTIVE)
    (row,) = kept(journal)
    assert row.at_ns == (clock.utc_ms() - 40) * 1_000_000
    assert (row.reason, row.mode, row.port) == ("rate_limit", "enforce", "outside")
    assert (row.length, row.data) == (1500, b"packet")


def test_an_attack_has_at_most_a_thousand_also_after_a_restart(journal: Journal) -> None:
    clock = FakeClock()
    found = [capture(clock, "203.0.113.10")] * (INCIDENT_MAX - 1)
    CaptureKeeper(journal, clock).turn(found, ACTIVE)
    CaptureKeeper(journal, clock).turn(found, ACTIVE)
    assert len(kept(journal)) == INCIDENT_MAX
