"""``backup.yml`` and ``restore.yml``: a host that has lost everything is itself again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.playbook import play_well
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


def backed_up(run: Run, name: str, folder: Path) -> None:
    play_well(run, "backup.yml", "-e", f"secbeat_backup_folder={folder}", "--limit", name)
    assert (folder / f"{name}.tar.gz").stat().st_mode & 0o777 == 0o600


def given_back(run: Run, name: str, folder: Path) -> None:
    """To a host that has taken the place of the one that was lost."""
    run.lose(name)
    play_well(run, "site.yml", "--limit", name)
    play_well(run, "restore.yml", "-e", f"secbeat_backup_folder={folder}", "--limit", name)


def told(run: Run, name: str, *words: str) -> Any:
    return json.loads(run.ssh(name, f"secbeat {' '.join(words)} --json || echo '{{}}'"))


def works(run: Run, name: str) -> bool:
    status = told(run, name, "status")
    revision = status.get("revision", {"applied": None, "committed": 0})
    return status.get("health") == "healthy" and revision["applied"] == revision["committed"]


def banned(run: Run, name: str) -> set[str]:
    return {each["ip"] for each in told(run, name, "blacklist", "list").get("blacklist", [])}


def follow_it(run: Run) -> bool:
    """Whether every node is healthy to the orchestrator and has the newest of all parts."""
    nodes = told(run, ORCHESTRATOR, "nodes", "list").get("nodes", [])
    return [(each["status"], each["lists"]["is_newest"]) for each in nodes] == [
        ("healthy", True) for _ in NODES
    ]


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
