"""Agent and data plane are killed in the midst of a flood: no attack that was recorded is lost."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from tests.support.instances.lab import Lab
from tests.support.instances.stories import LOW_POLICY, ORIGIN, THRESHOLDS, hping3
from tests.support.instances.watcher import Watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
POLICY = LOW_POLICY | {"rules": [{"type": "detection", **THRESHOLDS, "quiet_seconds": 6}]}
"""A flood goes on, also if a busy machine stalls its tool for a while."""
FLOOD = hping3("--syn", "--destport", "80")


def test_no_attack_is_lost_when_agent_and_data_plane_are_killed(lab: Lab, watcher: Watcher):
    before = watcher.ids()
    with FLOOD(lab):
        first = watcher.wait_for_active(before)
        wait_for(lambda: watcher.told("attack_detected", first["id"]), "it is recorded")
        kill(lab, "agent")
        watcher.wait_for_state(
            first["id"],
            lambda found: found["totals"]["packets"] > first["totals"]["packets"],
            "it goes on beside the new agent",
        )
        kill(lab, "dataplane", "agent")
        second = watcher.wait_for_active(before | {first["id"]})
        broken = watcher.wait_for_end(first["id"])
    assert broken["ended_by"] == "data plane restarted"
    assert broken["totals"]["packets"] >= first["totals"]["packets"]
    assert watcher.wait_for_end(second["id"])["ended_by"] == "quiet"
    for each in (first, second):
        kept = watcher.attack(each["id"])
        assert (kept["type"], kept["target"], kept["state"]) == ("syn_flood", ORIGIN, "ended")
        assert len(watcher.told("attack_detected", each["id"])) == 1
        assert len(watcher.told("attack_ended", each["id"])) == 1
    assert watcher.ids() - before == {first["id"], second["id"]}


def kill(lab: Lab, *names: str) -> None:
    """All at once, with SIGKILL; returns when they are back."""
    before = {name: lab.process(name) for name in names}
    for process in before.values():
        os.kill(process["pid"], signal.SIGKILL)

    def is_back(name: str) -> bool:
        now = lab.process(name)
        return now["restarts"] > before[name]["restarts"] and now["state"] == "ready"

    for name in names:
        wait_for(partial(is_back, name), f"{name} is back")
