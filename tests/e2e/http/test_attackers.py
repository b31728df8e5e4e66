"""Tools of those who look for holes, from Debian, against a shop that has one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.waf.starter import starter_rules
from tests.support.http_peers.inspection import ORIGINS, RECORDED, UNSEEN, policy, put, secbeat, url
from tests.support.instances.lab import TREE, Lab, run
from tests.support.network.peers import background
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
SQLMAP_S = 400
FOUND = "identified the following injection point"


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[None]:
    """On an inspected port, and on one that is not."""
    served = [f"--bind=[::]:{port}" for port in (RECORDED, UNSEEN)]
    command = (sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8")
    os.environ["PYTHONPATH"] = str(TREE)
    with background(
        *lab.enter("origin"), *command, *served, "tests.support.http_peers.vulnerable:application"
    ) as server:

        def listens() -> bool:
            assert server.poll() is None, server.stdout and server.stdout.read()
            return f":{UNSEEN} " in run(*lab.enter("origin"), "ss", "--no-header", "-tln").stdout

        wait_for(listens, "the shop listens")
        yield
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def protected(lab: Lab, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """By the starter set."""
    put(lab, key, policy())
    file = tmp_path_factory.mktemp("starter") / "rules.ndjson"
    lines = (
        {"pattern": rule.pattern, "action": "block", "name": rule.id} for rule in starter_rules()
    )
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    secbeat(lab, "rules", "import", str(file), "--wait")
    yield
    for rule in lab.api("GET", "/rules?limit=1000", key).json()["rules"]:
        lab.change("DELETE", f"/rules/{rule['id']}", key)
    put(lab, key, {"name": "default"})


def sqlmap(lab: Lab, folder: Path, port: int) -> str:
    """What it says about the shop."""
    command = ("sqlmap", "--batch", "--disable-coloring", "--output-dir", str(folder))
    pace = ("--threads", "4", "--timeout", "30", "--retries", "1", "--time-sec", "1")
    agent = ("--user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0")
    address = url(ORIGINS["ipv4"], port, "/?id=1")
    home = ("env", f"HOME={folder}")
    done = lab.in_client(*home, *command, *pace, *agent, "-u", address, timeout_s=SQLMAP_S)
    return done.stdout + done.stderr


def test_sqlmap_finds_the_hole_only_where_nobody_looks(
    lab: Lab, key: str, shop: None, protected: None, tmp_path: Path
):
    assert FOUND in sqlmap(lab, tmp_path / "open", UNSEEN)
    said = sqlmap(lab, tmp_path / "inspected", RECORDED)
    assert FOUND not in said, said
    rules = lab.api("GET", "/rules?limit=1000", key).json()["rules"]
    assert sum(rule["hits"] for rule in rules) > 10
    assert "id=1" in secbeat(lab, "rules", "evidence")
