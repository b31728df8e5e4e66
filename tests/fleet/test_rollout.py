"""``site.yml`` on hosts that have never seen SecBeat, and again."""

from __future__ import annotations

from tests.fleet.conftest import ORCHESTRATOR
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run


def test_check_mode_goes_through_on_hosts_that_have_nothing(run: Run) -> None:
    play_well(run, "site.yml", "--check", "--diff")
    assert run.ssh(ORCHESTRATOR, "ls /opt") == ""


def test_one_run_makes_everything(run: Run) -> None:
    play_well(run, "site.yml")


def test_a_second_run_changes_nothing(run: Run) -> None:
    outcome = play_well(run, "site.yml", "--diff")
    assert outcome.changed() == dict.fromkeys(run.hosts, 0), outcome.text
