"""``verify.yml`` is content with a fleet, and says what is wrong with one."""

from __future__ import annotations

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.playbook import play, play_well
from tests.fleet.support.run import Run


def test_every_host_of_all_inventories_is_as_it_should_be(run: Run) -> None:
    first = run.directory / "first.yml"
    first.write_text(f"orchestrators:\n  hosts:\n    {ORCHESTRATOR}:\n")
    outcome = play_well(run, "verify.yml", inventories=(first,))
    assert {name: counts["ok"] for name, counts in outcome.hosts.items()} == dict.fromkeys(
        run.hosts, 1
    )


def test_a_host_that_is_not_is_named(run: Run) -> None:
    broken = NODES[0]
    run.ssh(broken, "systemctl stop secbeat-agent")
    outcome = play(run, "verify.yml", "--limit", broken)
    assert outcome.code != 0
    assert {name for name, counts in outcome.hosts.items() if counts["failed"]} == {broken}
    run.ssh(broken, "systemctl start secbeat-agent")
