"""``backup.yml`` and ``restore.yml``: a node that has lost everything is itself again."""

from __future__ import annotations

import json

from tests.fleet.conftest import NODES
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

BANNED = "203.0.113.7"
LOST = "/var/lib/secbeat/api /var/lib/secbeat/keys /var/lib/secbeat/agent /var/lib/secbeat/state"
UNITS = "secbeat-agent secbeat-api secbeat-dataplane"
WORKS_S = 300


def works(run: Run, name: str) -> bool:
    status = json.loads(run.ssh(name, "secbeat status --json || echo '{}'"))
    revision = status.get("revision", {"applied": None, "committed": 0})
    return status.get("health") == "healthy" and revision["applied"] == revision["committed"]


def test_a_node_that_was_lost_has_its_keys_and_bans_again(run: Run) -> None:
    name, folder = NODES[0], run.directory / "backup"
    given = ("-e", f"secbeat_backup_folder={folder}", "--limit", name)
    run.ssh(name, f"secbeat blacklist add {BANNED}")
    before = run.ssh(name, "sha256sum /var/lib/secbeat/keys/admin.key /etc/secbeat/secbeat.toml")
    play_well(run, "backup.yml", *given)
    assert (folder / f"{name}.tar.gz").stat().st_mode & 0o777 == 0o600

    run.ssh(name, f"systemctl stop {UNITS} && find {LOST} -mindepth 1 -delete")
    run.ssh(name, f"systemctl start {UNITS}")
    play_well(run, "restore.yml", *given)
    wait_for(lambda: works(run, name), f"{name} works", WORKS_S, every_s=1)
    after = run.ssh(name, "sha256sum /var/lib/secbeat/keys/admin.key /etc/secbeat/secbeat.toml")
    assert after == before
    listed = json.loads(run.ssh(name, "secbeat blacklist list --json"))
    assert BANNED in json.dumps(listed)
