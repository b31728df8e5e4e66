"""``verify.yml`` is content with a fleet, and says what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.asking import ADMIN_KEY
from tests.fleet.support.playbook import graph, play, play_well
from tests.fleet.support.run import Run
from tests.fleet.support.tree import TREE

SOURCE = TREE / "inventory" / "fleet.secbeat.yml"


@pytest.fixture
def fleet(run: Run) -> tuple[Path, Path]:
    """The nodes as their orchestrator knows them, and beside that the orchestrator."""
    own = run.directory / "orchestrators.yml"
    own.write_text(f"orchestrators:\n  hosts:\n    {ORCHESTRATOR}:\n")
    make = "secbeat keys create inventory --role read --url http://127.0.0.1:3030"
    (run.pki / "read.key").write_text(run.ssh(ORCHESTRATOR, f"{make} --key-file {ADMIN_KEY}"))
    address = run.hosts[ORCHESTRATOR].address
    file = run.directory / "fleet.secbeat.yml"
    file.write_text(SOURCE.read_text().replace("fleet.example", address))
    return own, file


def test_every_host_that_the_orchestrator_knows_is_as_it_should_be(
    run: Run, fleet: tuple[Path, Path]
) -> None:
    found = graph(run, *fleet)
    assert found["orchestrators"] == {ORCHESTRATOR}
    for name in ("nodes", "status_healthy", "label_site_lab"):
        assert found[name] == {*NODES}
    outcome = play_well(run, "verify.yml", inventories=fleet)
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
