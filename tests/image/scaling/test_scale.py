"""A fleet grows by two virtual machines and shrinks again, by jobs that run ``scale.yml``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.image.scaling.conftest import NODE_S, Site
from tests.support.documents.playbooks import ansible
from tests.support.servers.fleet_server import KEY
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(3 * NODE_S)
POLICY = {"name": "strict-mode", "rules": [{"type": "rate_limit", "value": 1234}]}


def test_two_machines_join_and_go(site: Site, say: Callable[[str], None]) -> None:
    site.ask("POST", "/policy", POLICY)
    grown = _job(site, "scale_up", say)
    names = sorted(grown["nodes"])
    lines = [line["message"] for line in grown["log"]]
    for name in names:
        assert f"scale.yml: Run the provider command: create {name}" in lines
        assert f"{name}: has applied what the fleet wants" in lines
    found = {node["id"]: node for node in site.ask("GET", "/nodes")["nodes"]}
    assert sorted(found) == names
    assert {node["status"] for node in found.values()} == {"healthy"}
    assert {node["labels"]["secbeat-job"] for node in found.values()} == {grown["id"]}
    assert _inventory(site) >= set(names)

    shrunk = _job(site, "scale_down", say)
    assert sorted(shrunk["nodes"]) == names
    assert any("drain" in line["message"] for line in shrunk["log"])
    assert site.ask("GET", "/nodes")["nodes"] == []
    assert (list(site.nodes.iterdir()), site.processes()) == ([], [])
    assert [path.name for path in (site.place / "runs").iterdir()] == ["lock"]


def _job(site: Site, action: str, say: Callable[[str], None]) -> Any:
    """Ask for two nodes more or fewer; the job, when it has ended well."""
    since = time.monotonic()
    job = site.ask("POST", "/scale", {"action": action, "count": 2})["id"]

    def ended() -> Any:
        found = site.ask("GET", f"/scale/jobs/{job}")
        return found if found["ended_at"] is not None else None

    done = wait_for(ended, f"job {job} has ended", 2.5 * NODE_S, every_s=1)
    say(f"{action} of two: {done['state']} after {time.monotonic() - since:.0f} s")
    for line in done["log"]:
        say(f"{line['at']} {line['message']}")
    assert done["state"] == "succeeded", done
    return done


def _inventory(site: Site) -> set[str]:
    """Hosts that the dynamic inventory shows as healthy."""
    (site.place / "read.key").write_text(KEY)
    file = site.place / "fleet.secbeat.yml"
    source = {"plugin": "secbeat", "url": f"http://127.0.0.1:{site.server.port}"}
    file.write_text(yaml.safe_dump(source | {"key_file": "read.key"}))
    graph = ansible("ansible-inventory", "-i", file, "--graph", "status_healthy", home=site.place)
    assert graph.returncode == 0, graph.stderr
    return {line.partition("--")[2] for line in graph.stdout.splitlines()}
