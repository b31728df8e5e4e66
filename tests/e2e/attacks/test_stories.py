"""Each attack by a tool that nobody here wrote: what it is, on whom, from whom, until when.

Honest clients are served meanwhile, and whoever receives webhooks is told once of its begin and
once of its end.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.support.instances.lab import Lab
from tests.support.instances.stories import HONEST, LOW_POLICY, ORIGIN, STORIES, THRESHOLDS, Story
from tests.support.instances.watcher import Attack, Watcher

pytestmark = pytest.mark.alone
POLICY = LOW_POLICY
ENDED_MS = 5_000
"""After the last packet an attack is over, by the clock of the node."""
TICK_MS = 100
PAUSE_MS = 1000 * THRESHOLDS["quiet_seconds"]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "-"))
def test_an_attack_is_named_proven_told_and_over_when_it_is(
    lab: Lab, watcher: Watcher, story: Story
):
    before = watcher.ids()
    lab.add_address("client", f"{HONEST}/15")
    with story.attacking(lab):
        attack = watcher.wait_for_active(before)
        assert (attack["type"], attack["target"]) == (story.type, story.target), attack
        assert_served(lab)
        watcher.wait_for_one(
            before, lambda part: is_proven(part, story), "the evidence is that of the story"
        )
    assert_served(lab)  # so the node has had all that was sent before
    stopped = Moment.now(lab)
    watcher.wait_for_a_window()
    watcher.wait_until_quiet()
    parts = [watcher.wait_for_end(part["id"]) for part in watcher.since(before)]
    assert_one_attack(parts, story)
    in_ms = ms_of(parts[0]["updated_at"]) - stopped.utc_ms
    assert in_ms <= ENDED_MS + story.lingers_ms + stopped.stalled_ms(lab)
    for part in parts:
        assert_told_once(watcher, part, story)


def assert_served(lab: Lab) -> None:
    """A client who means well has its page."""
    page = lab.curl(f"http://{ORIGIN}/", HONEST, timeout_s=50)
    assert "Hello from the origin" in page.stdout, page.stderr


@dataclass(frozen=True)
class Moment:
    """A time, and how often the node had judged by then: ten times a second, unless it stalls."""

    utc_ms: float
    elapsed_ms: float
    ticks: int

    @classmethod
    def now(cls, lab: Lab) -> Moment:
        """The ticks are read first: what comes in between counts as a stall."""
        ticks = lab.stats().detection.ticks
        return cls(time.time() * 1000, time.monotonic() * 1000, ticks)

    def stalled_ms(self, lab: Lab) -> float:
        """For how long since then the machine has let the node judge nothing."""
        now = Moment.now(lab)
        return max(0.0, now.elapsed_ms - self.elapsed_ms - TICK_MS * (now.ticks - self.ticks))


def ms_of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def is_proven(attack: Attack, story: Story) -> bool:
    """Whether a document says who, where to, and that it is more than was allowed."""
    sources = attack["sources"]
    beyond = attack["totals"]["packets"] > attack["trigger"]["threshold"]
    if not story.is_of_ip:
        return bool(beyond and attack["target_kind"] == "port" and not sources["top"])
    if story.source is None:
        named = sources["spoofed"] and sources["distinct"] > 50
    else:
        top = [each["address"] for each in sources["top"]]
        named = not sources["spoofed"] and top[:1] == [story.source]
    ports = [(each["protocol"], each["port"]) for each in attack["ports"][:1]]
    # Who floods from an address of his own resets each answer: as many RSTs as SYNs.
    flags = [each["flags"] for each in attack["tcp_flags"][:2]]
    return (
        named
        and story.port in {None, *ports}
        and story.flags in {None, *flags}
        and attack["trigger"]["value"] >= attack["trigger"]["threshold"]
        and (beyond or story.type == "bit_flood")
        and attack["peak"]["bits_per_second"] > attack["peak"]["packets_per_second"] > 0
        and attack["is_carpet"] is ("/" in story.target)
    )


def assert_one_attack(parts: list[Attack], story: Story) -> None:
    """The newest first: a tool that stalls for longer than an attack may pause begins another."""
    found = {(part["type"], part["target"], part["ended_by"]) for part in parts}
    assert found == {(story.type, story.target, "quiet")}, parts
    pauses_ms = [
        ms_of(later["started_at"]) - ms_of(part["ended_at"])
        for later, part in itertools.pairwise(parts)
    ]
    assert all(pause >= PAUSE_MS - TICK_MS for pause in pauses_ms), parts
    assert any(is_proven(part, story) for part in parts), parts


def assert_told_once(watcher: Watcher, over: Attack, story: Story) -> None:
    """One webhook at each end, with good signatures."""
    ((began,), (ended,)) = (
        watcher.told(kind, over["id"]) for kind in ("attack_detected", "attack_ended")
    )
    for data in (began, ended):
        assert (data["attack_type"], data["target"]) == (story.type, story.target)
    assert began["ended_at"] is None
    assert ended["ended_at"] == over["ended_at"]
    if is_proven(over, story):
        is_forged = story.is_of_ip and story.source is None
        assert (ended["source_ip"], ended["spoofed"]) == (story.source, is_forged)
    assert ended["totals"] == over["totals"]
