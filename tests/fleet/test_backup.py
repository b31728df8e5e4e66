"""``backup.yml`` and ``restore.yml``: a host that has lost everything is itself again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.asking import banned, follow, works
from tests.fleet.support.losing import backed_up, given_back
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

BANNED, LATER = "203.0.113.7", "203.0.113.8"
OF_THE_FLEET, OF_THE_FLEET_LATER = "203.0.113.17", "203.0.113.18"
NODE_KEY = "/var/lib/secbeat/keys/admin.key"
FLEET_KEYS = "/var/lib/secbeat-orchestrator/keys"
WORKS_S = 300


@pytest.fixture
def folder(run: Run) -> Path:
    return run.directory / "backup"


def follow_it(run: Run) -> bool:
    """Whether every node is healthy to the orchestrator and has the newest of all parts."""
    return follow(run, ORCHESTRATOR, NODES)


def test_a_node_that_was_lost_has_its_keys_and_bans_again(run: Run, folder: Path) -> None:
    name = NODES[0]
    identity = f"sha256sum {NODE_KEY} /var/lib/secbeat/node-id /etc/secbeat/secbeat.toml"
    run.ssh(name, f"secbeat blacklist add {BANNED}")
    before = run.ssh(name, identity)
    backed_up(run, name, folder)
    run.ssh(name, f"secbeat blacklist add {LATER}")

    given_back(run, name, folder)
    wait_for(lambda: works(run, name), f"{name} works", WORKS_S, every_s=1)
    assert run.ssh(name, identity) == before
    assert banned(run, name) & {BANNED, LATER} == {BANNED}
    wait_for(lambda: follow_it(run), "it is in its fleet again", WORKS_S, every_s=1)


def test_nodes_find_an_orchestrator_that_was_lost_and_follow_its_backup(
    run: Run, folder: Path
) -> None:
    keys = f"sha256sum {FLEET_KEYS}/*"
    run.ssh(ORCHESTRATOR, f"secbeat blacklist add {OF_THE_FLEET} --fleet")
    before = run.ssh(ORCHESTRATOR, keys)
    backed_up(run, ORCHESTRATOR, folder)
    run.ssh(ORCHESTRATOR, f"secbeat blacklist add {OF_THE_FLEET_LATER} --fleet --wait")

    processes = {name: run.ssh(name, "systemctl show -p MainPID 'secbeat-*'") for name in NODES}
    given_back(run, ORCHESTRATOR, folder)
    wait_for(lambda: follow_it(run), "all nodes follow it", WORKS_S, every_s=1)
    assert run.ssh(ORCHESTRATOR, keys) == before
    for name in NODES:
        assert banned(run, name) & {OF_THE_FLEET, OF_THE_FLEET_LATER} == {OF_THE_FLEET}
        assert run.ssh(name, "systemctl show -p MainPID 'secbeat-*'") == processes[name]
    assert "fleet.dump" not in run.ssh(ORCHESTRATOR, "ls /var/lib/secbeat-orchestrator")
