"""When a node reports, and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from api.agent.fleet.compose import address
from api.agent.fleet.following.part import Applied
from api.agent.fleet.orchestrator.contact import Contact
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.reporting.heart import BEAT_S, SPACING_S, Heart
from api.agent.fleet.reporting.report import REASON_LENGTH_MAX, REASONS_MAX, Reporter
from dataplane.shared.links import DrainStats
from tests.support.clock import FakeClock
from tests.support.fakes.fake_orchestrator import FakeOrchestrator
from tests.unit.agent.conftest import NODE, FakeSource

KEY = "the-nodes-key"


@dataclass
class FakeSpool:
    waiting: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: list[Any] = field(default_factory=list)
    refusals: int = 0
    has_more: bool = False

    def pending(self) -> Sequence[dict[str, Any]]:
        return self.waiting

    def taken(self, acknowledged: Sequence[Any]) -> None:
        self.acknowledged += acknowledged

    def refused(self) -> None:
        self.refusals += 1
        self.waiting = []


class Case:
    """A heart without its thread."""

    def __init__(self, fake: FakeOrchestrator, contact: Contact) -> None:
        import hashlib  # noqa: PLC0415

        fake.keys["n1"] = hashlib.sha256(KEY.encode()).hexdigest()
        self.fake = fake
        self.now_s = 100.0
        self.source = FakeSource()
        self.others: list[str] = []
        self.applied: dict[str, Applied] = {}
        self.clock = FakeClock(now_utc_ms=1_767_225_600_000)  # the fake orchestrator's time
        self.contact = contact
        self.spool = FakeSpool()
        reporter = Reporter(
            self.source.read,
            lambda: self.others,
            lambda: self.applied,
            lambda: "192.0.2.1:9090",
            "1.2.3",
            self.clock,
        )
        session = Session(fake.url, None, lambda: KEY)
        self.heart = Heart("n1", session, reporter, self.spool, self.contact, lambda: self.now_s)

    def pass_s(self, seconds: float) -> int:
        """Time goes by in steps; how many heartbeats there were."""
        before, end = self.beats, self.now_s + seconds
        while self.now_s < end:
            self.now_s += 0.5
            self.clock.now_boot_ms += 500
            self.heart.turn()
        return self.beats - before

    @property
    def beats(self) -> int:
        return self.fake.count("heartbeat")

    def last(self) -> dict[str, Any]:
        return self.fake.bodies[-1][1]


@pytest.fixture
def case(orchestrator: FakeOrchestrator) -> Case:
    contact = Contact()
    contact.answered()
    return Case(orchestrator, contact)


def test_it_beats_every_ten_seconds(case: Case) -> None:
    assert case.pass_s(0.5) == 1
    assert case.pass_s(BEAT_S - 1) == 0
    assert case.pass_s(1) == 1


def test_nothing_is_said_before_the_node_is_registered(case: Case) -> None:
    case.contact.forgotten()
    assert case.pass_s(30) == 0


def test_nothing_is_said_before_the_first_answer_to_a_restarted_agent(
    orchestrator: FakeOrchestrator,
) -> None:
    case = Case(orchestrator, Contact(is_registered=True))
    assert case.pass_s(30) == 0
    case.contact.answered()
    assert case.pass_s(1) == 1


@pytest.mark.parametrize("what", ["health", "reason", "applied", "news"])
def test_what_is_new_is_said_at_once(case: Case, what: str) -> None:
    case.pass_s(3)
    if what == "health":
        case.source.stats = None
    elif what == "reason":
        case.others.append("storage")
    elif what == "applied":
        case.applied["lists"] = Applied("e", 1)
    else:
        case.heart.news()
    assert case.pass_s(1) == 1


def test_stall_that_is_over_at_the_next_look_is_not_told(case: Case) -> None:
    """As after a pause of the whole machine, if the agent goes on first."""
    case.pass_s(3)
    stats = case.source.stats
    assert stats is not None
    case.source.stats = replace(stats, heartbeat_age_s=5.0)
    assert case.pass_s(0.5) == 0
    case.source.stats = stats
    assert case.pass_s(3) == 0
    case.source.stats = replace(stats, heartbeat_age_s=5.0)
    assert case.pass_s(3) == 1
    assert (case.last()["health"], case.last()["reasons"]) == (
        "unhealthy",
        ["dataplane_stalled", "link"],
    )


def test_a_drain_is_said_at_once_and_degrades_nothing(case: Case) -> None:
    case.pass_s(3)
    health, reasons = case.last()["health"], case.last()["reasons"]
    case.source.change(drain=DrainStats("traffic"))
    assert case.pass_s(1) == 1
    assert (case.last()["health"], case.last()["reasons"]) == (health, ["draining", *reasons])
    case.source.change(drain=DrainStats())
    assert case.pass_s(1) == 1
    assert case.last()["reasons"] == reasons


def test_flapping_node_says_so_once_a_second(case: Case) -> None:
    case.pass_s(3)
    before = case.beats
    for turn in range(20):
        case.others[:] = ["storage"] if turn % 2 else []
        case.pass_s(0.5)
    assert case.beats - before <= 10 / SPACING_S + 1


def test_heartbeat_says_how_the_node_is(case: Case) -> None:
    case.others.append("x" * 500)
    case.applied = {"lists": Applied("e", 7, "pending", "why"), "other": Applied("e", 1)}
    case.applied["drain"] = Applied("e", 1)
    case.pass_s(1)
    said = case.last()
    assert said["boot_id"] == str(case.clock.boot)
    assert said["at"] == "2026-01-01T00:00:00.000Z"
    assert (said["mode"], said["health"]) == ("l7", "degraded")
    assert said["reasons"] == ["link", "x" * REASON_LENGTH_MAX]
    assert (said["version"], said["address"]) == ("1.2.3", "192.0.2.1:9090")
    assert said["applied"] == {
        "lists": {"epoch": "e", "number": 7, "state": "pending", "message": "why"},
        "drain": {"epoch": "e", "number": 1, "state": "applied", "message": None},
    }
    assert said["stats"]["packets_processed"] == 150
    assert said["stats"]["packets_dropped"] == 30
    assert said["stats"]["would_drop"] == 10
    assert said["stats"]["requests_per_second"] == 12.3


def test_heartbeat_without_a_data_plane(case: Case) -> None:
    case.source.stats = None
    case.pass_s(1)
    said = case.last()
    assert (said["mode"], said["health"], said["load"]) == ("tcp", "unhealthy", 0)
    assert said["reasons"] == ["dataplane_away"]
    assert said["stats"] == {}


def test_reasons_are_bounded(case: Case) -> None:
    case.source.stats = replace(NODE, degraded=())
    case.others.extend(str(number) for number in range(100))
    case.pass_s(1)
    assert len(case.last()["reasons"]) == REASONS_MAX


def test_what_failed_is_said_again_later_and_later(case: Case) -> None:
    case.pass_s(1)
    case.fake.answers["heartbeat"] = 503, {"detail": "away"}
    assert 4 <= case.pass_s(120) <= 9
    del case.fake.answers["heartbeat"]
    assert case.pass_s(31) >= 1


def test_incidents_are_told_and_acknowledged(case: Case) -> None:
    case.spool.waiting = [{"id": "attack_1"}]
    case.pass_s(1)
    assert case.last()["incidents"] == [{"id": "attack_1"}]
    assert case.spool.acknowledged == ["attack_1"]


def test_incidents_that_are_not_wanted_do_not_keep_the_rest_from_being_told(case: Case) -> None:
    case.pass_s(1)
    case.spool.waiting = [{"id": "attack_1"}]
    case.fake.answers["heartbeat"] = 422, {"detail": "incidents"}
    case.pass_s(BEAT_S)
    assert case.spool.refusals == 1


def test_while_more_wait_it_beats_every_second(case: Case) -> None:
    case.pass_s(1)
    case.spool.has_more = True
    case.pass_s(BEAT_S)
    assert case.pass_s(5) >= 4


def test_clock_that_is_off_is_seen(case: Case) -> None:
    case.clock.step_ms(7_000)
    case.pass_s(1)
    assert case.contact.view().reasons() == ["clock_off"]


@pytest.mark.parametrize(
    ("public", "towards", "found"),
    [
        (("127.0.0.1:9090", "192.0.2.1:9090"), "198.51.100.9", "192.0.2.1:9090"),
        (("127.0.0.1:9090", "[::1]:9090"), "198.51.100.9", "198.51.100.9:9090"),
        (("[::]:9090",), "2001:db8::9", "[2001:db8::9]:9090"),
        (("0.0.0.0:9091",), "198.51.100.9", "198.51.100.9:9091"),
        (("127.0.0.1:9090",), "127.0.0.1", "127.0.0.1:9090"),
        (("127.0.0.1:9090",), "", "127.0.0.1:9090"),
    ],
)
def test_address_of_a_node(public: tuple[str, ...], towards: str, found: str) -> None:
    assert address(public, towards) == found
