"""Programs that know nothing of a SYN proxy, and routers, through one: none notices."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.instances.lab import Lab, assert_ledgers, run
from tests.support.instances.proxied import until_proxied
from tests.support.network.peers import background, iperf, iperf_server, vlan
from tests.support.waiting import wait_for

ORIGINS = {"ipv4": "198.19.0.1", "ipv6": "2001:2::2:1"}
VLAN = {
    "client": ["10.80.0.1/24", "2001:db8:80::1/64"],
    "origin": ["10.80.0.2/24", "2001:db8:80::2/64"],
}
VLAN_ORIGINS = {"ipv4": "10.80.0.2", "ipv6": "[2001:db8:80::2]"}
MINUTE_S = 60
STREAMS = 8
SSH_PORT = 2222
SSH_BYTES = 8 << 20
ROUTER = Path(__file__).parents[2] / "support" / "network" / "narrow_router.py"
MTU = {"ipv4": 1000, "ipv6": 1300}
CLIENTS = {"ipv4": "198.18.30.1/15", "ipv6": "2001:2::30:1/64"}
"""Of the narrow link: their own, as the origin remembers its MTU."""


@pytest.fixture(autouse=True)
def proxied(lab: Lab, key: str) -> Iterator[None]:
    lab.change("PUT", "/policy", key, json={"name": "proxied", "syn": "always"})
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


@contextmanager
def site_file(lab: Lab, size: int) -> Iterator[tuple[str, str]]:
    """A file of random bytes that the origin serves: its name, its SHA-256."""
    path = lab.instance.site / "random.bin"
    content = os.urandom(size)
    path.write_bytes(content)
    path.chmod(0o644)
    yield path.name, hashlib.sha256(content).hexdigest()
    path.unlink()


@pytest.mark.parametrize("family", ORIGINS)
def test_a_hundred_megabytes_over_a_bad_line(lab: Lab, family: str):
    """One frame of a hundred is lost and five are overtaken, in each direction."""
    with site_file(lab, 100_000_000) as (name, digest), vlan(lab, 80, VLAN, bad=(10, 50)):
        url = f"http://{VLAN_ORIGINS[family]}/{name}"
        until_proxied(lab, lambda: lab.curl(f"http://{VLAN_ORIGINS[family]}/"))
        before = lab.quiet_stats().connections
        fetch = f"curl -gsS --max-time 580 {url} | sha256sum"
        got = lab.in_client("sh", "-c", fetch, timeout_s=600).stdout.split()[0]
        after = lab.quiet_stats()
        assert got == digest
        assert after.connections.accepted > before.accepted
        assert_ledgers(after)


def test_a_minute_of_many_streams_both_ways(lab: Lab):
    with iperf_server(lab):
        until_proxied(lab, lambda: iperf(lab, ORIGINS["ipv4"], megabytes=1))
        before = lab.quiet_stats()
        command = ("iperf3", "--client", ORIGINS["ipv4"], "--json", "--bidir")
        amount = ("--time", str(MINUTE_S), "--parallel", str(STREAMS))
        done = lab.in_client(*command, *amount, timeout_s=MINUTE_S + 120)
    report = json.loads(done.stdout)
    assert "error" not in report, report["error"]
    ends = [stream["sender"]["bytes"] for stream in report["end"]["streams"]]
    assert len(ends) == 2 * STREAMS
    assert min(ends) > 1 << 20
    after = lab.quiet_stats()
    assert_ledgers(after)
    assert after.connections.accepted - before.connections.accepted >= 2 * STREAMS
    assert after.connections.failed == before.connections.failed


@contextmanager
def ssh_server(lab: Lab, directory: Path) -> Iterator[Path]:
    """Dropbear at the origin, on both families; yields the key that it lets in."""
    keys = {name: directory / name for name in ("host", "user")}
    for path in keys.values():
        made = run("dropbearkey", "-t", "ed25519", "-f", str(path))
        assert made.returncode == 0, made.stderr
    public = run("dropbearkey", "-y", "-f", str(keys["user"])).stdout
    home = directory / "home" / ".ssh"
    home.mkdir(parents=True, mode=0o700)
    (home / "authorized_keys").write_text(public)
    (home / "authorized_keys").chmod(0o600)
    # `ip netns exec` has its own mounts: root's home is another one only there.
    script = (
        f"mount --bind {home.parent} /root && exec dropbear -F -E -s -P {directory}/pid "
        f"-r {keys['host']} -p {SSH_PORT}"
    )
    with background(*lab.enter("origin"), "sh", "-c", script) as server:

        def listens() -> bool:
            assert server.poll() is None, server.stdout and server.stdout.read()
            listening = run(*lab.enter("origin"), "ss", "--no-header", "-tln").stdout
            return f":{SSH_PORT} " in listening

        wait_for(listens, "dropbear listens")
        yield keys["user"]


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_ssh(lab: Lab, tmp_path: Path, origin: str):
    content = os.urandom(SSH_BYTES)
    (tmp_path / "sent").write_bytes(content)
    with ssh_server(lab, tmp_path) as user_key:
        login = f"HOME={tmp_path} dbclient -y -y -i {user_key} -p {SSH_PORT} root@{origin}"
        until_proxied(lab, lambda: lab.in_client("sh", "-c", f"{login} true"))
        before = lab.quiet_stats().connections
        # There and back again, encrypted: a wrong byte would end it.
        both = f"{login} cat < {tmp_path}/sent > {tmp_path}/received"
        done = lab.in_client("sh", "-c", both, timeout_s=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "received").read_bytes() == content
    assert lab.quiet_stats().connections.accepted > before.accepted


@contextmanager
def narrow(lab: Lab, origin: str, mtu: int) -> Iterator[None]:
    """A last link of that MTU before the client, and the router that says so."""
    rules = (
        "add table inet narrow; "
        "add chain inet narrow in { type filter hook prerouting priority -300; }; "
        f"add rule inet narrow in meta length > {mtu} drop"
    )
    assert run(*lab.enter("client"), "nft", rules).returncode == 0
    router = (*lab.enter("client"), sys.executable, str(ROUTER), "net0", origin, str(mtu))
    with background(*router) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield
        assert process.poll() is None, process.stdout.read()
    run(*lab.enter("client"), "nft", "delete table inet narrow")


@pytest.mark.parametrize("family", ORIGINS)
def test_a_router_with_a_smaller_mtu_is_heard(lab: Lab, family: str):
    """Its errors quote what the client was sent, in numbers that the origin has never used: not
    translated they would be ignored, and the page would never come."""
    origin = ORIGINS[family]
    url = f"http://[{origin}]/1m.bin" if ":" in origin else f"http://{origin}/1m.bin"
    lab.add_address("client", CLIENTS[family])
    source = CLIENTS[family].split("/")[0]
    until_proxied(lab, lambda: lab.curl(url))
    before = lab.quiet_stats().connections
    with narrow(lab, origin, MTU[family]):
        page = lab.curl(url, source, timeout_s=50)
    assert page.returncode == 0, page.stderr
    assert lab.quiet_stats().connections.accepted > before.accepted
    route = run("ip", "-n", lab.instance.namespaces.origin, "route", "get", source).stdout
    assert f"mtu {MTU[family]}" in route
