"""A fleet in PostgreSQL, which loses its database: a server on the orchestrator's host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.asking import banned, follow, told
from tests.fleet.support.losing import backed_up, restored
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

MEMBER = NODES[0]
"""The only node that joins the fleet in this database: the others know no way to it."""
BANNED, LATER = "203.0.113.27", "203.0.113.28"
PASSWORD = "a-password-of-the-tests"  # noqa: S105
CREATE = "CREATE DATABASE fleet OWNER secbeat ENCODING 'UTF8' TEMPLATE template0"
INSTALL_S = 900
HEARD_S = 300


@pytest.fixture
def options(run: Run) -> tuple[str, ...]:
    """What names the database to ``site.yml``, as a vault would."""
    url = f"postgresql://secbeat:{PASSWORD}@127.0.0.1/fleet"
    vault = run.directory / "vault.json"
    vault.write_text(json.dumps({"secbeat_orchestrator_database_url": url}))
    return ("-e", f"@{vault}")


def serve(run: Run) -> None:
    """Install a server, with an empty database for a fleet."""
    install = "apt-get install --quiet --yes --no-install-recommends postgresql"
    run.ssh(ORCHESTRATOR, f"DEBIAN_FRONTEND=noninteractive {install}", timeout_s=INSTALL_S)
    execute(run, f"CREATE ROLE secbeat LOGIN PASSWORD '{PASSWORD}'", CREATE)


def execute(run: Run, *statements: str) -> None:
    """As the server's own administrator."""
    words = " ".join(f'--command="{statement}"' for statement in statements)
    postgres = "setpriv --reuid=postgres --regid=postgres --init-groups"
    run.ssh(ORCHESTRATOR, f"cd / && {postgres} psql --quiet {words}")


def test_nodes_follow_a_fleet_whose_lost_database_was_given_back(
    run: Run, options: tuple[str, ...], tmp_path: Path
) -> None:
    serve(run)
    moved = play_well(run, "site.yml", "--limit", ORCHESTRATOR, *options)
    assert PASSWORD not in moved.text
    again = play_well(run, "site.yml", "--limit", ORCHESTRATOR, *options)
    assert again.changed() == {ORCHESTRATOR: 0}, again.text
    assert told(run, ORCHESTRATOR, "nodes", "list")["nodes"] == []

    joined = ("fleet", "membership", "show")
    wait_for(lambda: not told(run, MEMBER, *joined)["registered"], "it knows", HEARD_S, every_s=1)
    play_well(run, "register.yml", "--limit", MEMBER)
    run.ssh(ORCHESTRATOR, f"secbeat blacklist add {BANNED} --fleet --wait")
    backed_up(run, ORCHESTRATOR, tmp_path)
    run.ssh(ORCHESTRATOR, f"secbeat blacklist add {LATER} --fleet --wait")

    execute(run, "DROP DATABASE fleet WITH (FORCE)", CREATE)
    restored(run, ORCHESTRATOR, tmp_path)
    wait_for(lambda: follow(run, ORCHESTRATOR, [MEMBER]), "it follows", HEARD_S, every_s=1)
    assert banned(run, MEMBER) & {BANNED, LATER} == {BANNED}
    assert "fleet.dump" not in run.ssh(ORCHESTRATOR, "ls /var/lib/secbeat-orchestrator")
