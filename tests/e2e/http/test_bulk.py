"""Large transfers over a bad line, inspected: not a byte is wrong, and nothing is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.support.http_peers.exchange import dropped
from tests.support.http_peers.inspection import PROXIES, RECORDED, policy, put, url
from tests.support.http_peers.recorder import sink
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import vlan

VLAN = {"client": ["10.83.0.1/24"], "origin": ["10.83.0.2/24"]}
ORIGIN = "10.83.0.2"
SIZE = 16 << 20
LOST, LATE = 10, 50
"""Of a thousand frames, in each direction."""


@pytest.mark.parametrize("syn", PROXIES)
def test_sixteen_megabytes_up_and_down(lab: Lab, key: str, rule: str, tmp_path: Path, syn: str):
    content = os.urandom(SIZE)
    served = lab.instance.site / "random.bin"
    sent = tmp_path / "sent.bin"
    for path in (served, sent):
        path.write_bytes(content)
        path.chmod(0o644)
    put(lab, key, policy(syn=syn))
    before = dropped(lab)
    curl = "curl -gsS --max-time 580"
    script = (
        f"{curl} -H Expect: -T {sent} {url(ORIGIN, RECORDED, '/up')} & "
        f"{curl} {url(ORIGIN, 80, '/random.bin')} | sha256sum; wait"
    )
    with sink(lab, RECORDED) as uploaded, vlan(lab, 83, VLAN, bad=(LOST, LATE)):
        done = lab.in_client("sh", "-c", script, timeout_s=600)
    served.unlink()
    digest = hashlib.sha256(content).hexdigest()
    assert digest in done.stdout, done.stdout + done.stderr
    assert "ok" in done.stdout.splitlines()
    assert uploaded.sums == [digest]
    put(lab, key, policy())
    assert_ledgers(lab.quiet_stats())
    after = dropped(lab)
    refused = {r: n - before.get(r, 0) for r, n in after.items() if r.startswith("http")}
    assert not any(refused.values()), refused
