"""A machine that is lost: ``secbeat backup`` makes an empty one the node that it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import SECBEAT, Lab, run
from tests.support.instances.processes import Processes
from tests.support.waiting import wait_for

SOURCE, LATER = "198.18.0.1", "192.0.2.2"
ORIGIN = "http://198.19.0.1/"
POLICY = {"name": "kept"}
STATE = ("agent", "api", "keys", "rules", "state")


@pytest.fixture
def node() -> Iterator[Processes]:
    with Processes(Lab("e2e-backup")) as made:
        made.start("nginx", "dataplane", "api", "agent")
        yield made


def backup(lab: Lab, verb: str, file: Path, *options: str) -> Any:
    config = ("--config", str(lab.instance.config_file), "--json")
    done = run(*SECBEAT, "backup", verb, str(file), *options, *config, timeout_s=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lose(lab: Lab) -> None:
    """All of its state, and have what an installation makes: empty directories with owners."""
    for name in STATE:
        directory = lab.instance.state_dir / name
        owner = directory.stat()
        shutil.rmtree(directory)
        directory.mkdir()
        shutil.chown(directory, owner.st_uid, owner.st_gid)
        directory.chmod(owner.st_mode)
    lab.instance.node_id_file.unlink()
    lab.instance.config_file.write_text("")


def is_stopped(lab: Lab) -> bool:
    return lab.curl(ORIGIN, timeout_s=1).returncode != 0


def known(lab: Lab) -> dict[str, Any]:
    """What an operator would miss."""
    return {
        "bans": {one["ip"] for one in lab.api("GET", "/blacklist").json()["blacklist"]},
        "policy": lab.api("GET", "/policy").json(),
        "keys": [one["name"] for one in lab.api("GET", "/keys").json()["keys"]],
        "admin key": lab.key(),
        "node id": lab.instance.node_id_file.read_text(),
        "audit": len(lab.api("GET", "/audit").json()["audit"]),
    }


def test_a_lost_machine_is_the_same_node_again(node: Processes, tmp_path: Path) -> None:
    lab, file = node.lab, tmp_path / "node.tar.gz"
    key = lab.make_key("kept")
    lab.change("PUT", "/policy", json=POLICY)
    lab.change("POST", "/blacklist", json={"ip": SOURCE})
    assert is_stopped(lab)
    before = known(lab)
    backup(lab, "create", file)
    lab.change("POST", "/blacklist", json={"ip": LATER})

    node.stop("agent", "api", "dataplane")
    lose(lab)
    restored = backup(lab, "restore", file, "--yes")
    assert restored["started"] == []
    node.start("dataplane", "api", "agent")
    wait_for(lambda: is_stopped(lab), "the ban is in force again")
    assert known(lab) == before
    assert lab.api("GET", "/status", key=key).json()["policy"]["name"] == "kept"


def test_the_packet_path_forwards_while_an_older_backup_is_restored(
    node: Processes, tmp_path: Path
) -> None:
    lab, file = node.lab, tmp_path / "node.tar.gz"
    lab.change("POST", "/blacklist", json={"ip": LATER})
    backup(lab, "create", file)
    lab.change("POST", "/blacklist", json={"ip": SOURCE})
    running = run(
        *SECBEAT, "backup", "restore", str(file), "--yes", "--config", str(lab.instance.config_file)
    )
    assert running.returncode == 75
    assert "stop the processes" in running.stderr
    assert is_stopped(lab)

    node.stop("agent", "api")
    backup(lab, "restore", file, "--yes")
    node.start("api", "agent")
    wait_for(lambda: not is_stopped(lab), "the ban of the time after the backup is gone")
    assert {one["ip"] for one in lab.api("GET", "/blacklist").json()["blacklist"]} == {LATER}
