"""Floods of requests, and slow clients: attackers are stopped and counted, honest ones are not."""

from __future__ import annotations

import math
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab, run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # two hundred connections, and times in seconds
ORIGIN = "198.19.0.1"
CONNECTIONS = 40
TOOL_S = 90
TRIES = 3
TIMES = {"head_seconds": 4, "body_seconds": 4, "read_seconds": 4, "body_rate": 500}
TOOLS = {
    # A header line every two seconds.
    "head": ("-H", "-i", "2", "-u", f"http://{ORIGIN}/"),
    # Some bytes of a body every two seconds.
    "body": ("-B", "-i", "2", "-s", "8192", "-x", "10", "-u", f"http://{ORIGIN}/"),
    # Five bytes of a long response every two seconds: its window is closed most of the time.
    "read": (
        *("-X", "-w", "10", "-y", "20", "-n", "2", "-z", "5", "-k", "1"),
        *("-u", f"http://{ORIGIN}/16m.bin"),
    ),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab("e2e-floods")
    made.down()
    made.up("--mode", "l7", config="[connections]\nlearning_seconds = 0\n")
    key = made.key()
    made.change("PUT", "/policy", key, json={"name": "floods", "http": {"ports": [80], **TIMES}})
    yield made
    made.down()


def test_a_flood_of_logins_is_limited_and_other_pages_are_not(lab: Lab):
    key = lab.key()
    login = {"type": "rate_limit", "unit": "requests", "value": 1, "burst": 5, "path": "/login"}
    policy = {"name": "floods", "http": {"ports": [80], **TIMES}}
    lab.change("PUT", "/policy", key, json={**policy, "rules": [login]})
    many = [f"http://{ORIGIN}/a/../{page}?{n}" for n in range(20) for page in ("login", "ip")]
    curl = ("curl", "-s", "--path-as-is", "-o", "/dev/null", "-w", "%{url} %{http_code}\n")
    begun = time.monotonic()
    said = lab.in_client(*curl, *many).stdout.splitlines()
    more = math.ceil(time.monotonic() - begun)
    logins, others = (
        [line.split()[1] for line in said if page in line] for page in ("login", "ip")
    )
    # Those that were not limited have no such page at the origin.
    assert set(logins) == {"404", "429"}
    assert 5 <= logins.count("404") <= 5 + more  # one for each second that it took
    assert set(others) == {"200"}
    headers = lab.in_client("curl", "-si", f"http://{ORIGIN}/login?[1-20]").stdout
    assert "429 Too Many Requests" in headers
    assert re.search(r"^Retry-After: 1\r?$", headers, re.M)
    assert lab.api("GET", "/status", key).json()["mode"] == "l7"
    lab.change("PUT", "/policy", key, json=policy)


def test_stats_are_about_requests(lab: Lab):
    slowest_ms = 0.0

    def about_requests() -> bool:
        """Also in the mean of the last ten seconds, which may have been slower before."""
        nonlocal slowest_ms
        curl = ("curl", "-s", "-o", "/dev/null", "-w", "%{time_total}", f"http://{ORIGIN}/ip")
        slowest_ms = max(slowest_ms, float(lab.in_client(*curl).stdout) * 1000)
        stats = lab.api("GET", "/stats", lab.key()).json()
        assert stats["latency_of"] == "request"
        is_plausible = 0 < (stats["latency_ms"] or 0) <= slowest_ms
        return is_plausible and bool(stats["requests_per_second"])

    wait_for(about_requests, "requests are counted by the second, and not slower than their client")


def counted(lab: Lab, kind: str) -> int:
    """Connections that were reset because their clients were too slow."""
    sample = rf'^secbeat_http_slow_connections_total{{kind="{kind}"}} (\S+)$'
    found = re.search(sample, lab.metrics(9090), re.M)
    assert found is not None
    return int(float(found[1]))


def established(lab: Lab) -> int:
    """Connections to the origin that the client's kernel has."""
    listed = run(*lab.enter("client"), "ss", "-Htn", "state", "established", "dport", "=", ":80")
    return len(listed.stdout.splitlines())


@pytest.mark.parametrize("kind", TOOLS)
def test_slowhttptest_does_not_keep_its_connections(lab: Lab, kind: str):
    before = counted(lab, kind)
    command = ("slowhttptest", "-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", str(TOOL_S))
    with subprocess.Popen(
        [*lab.enter("client"), *command, *TOOLS[kind]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    ) as tool:
        try:
            wait_for(
                lambda: counted(lab, kind) - before >= CONNECTIONS * 9 // 10,
                f"connections with a slow {kind} are reset",
                bound_s=TOOL_S,
            )
            wait_for(
                lambda: established(lab) <= CONNECTIONS // 10,
                "the resets have ended the tool's connections, whatever it says of them",
            )
            page = lab.curl(f"http://{ORIGIN}/")
            assert page.returncode == 0, page.stderr
        finally:
            tool.terminate()
            tool.wait(60)


HONEST = f"""
import socket, time
def connect():
    return socket.create_connection(("{ORIGIN}", 80))
def ask(one, text, ending=b""):
    one.sendall(text + ending)
    assert one.recv(4096).startswith(b"HTTP/1.1 200"), text
GET = b"GET /ip HTTP/1.1\\r\\nHost: lab\\r\\n\\r\\n"
POST = b"POST /ip HTTP/1.1\\r\\nHost: lab\\r\\nContent-Length: 24000\\r\\n\\r\\n"
idle = connect()
ask(idle, GET)
one = connect()
one.sendall(POST)
for _ in range(120):  # 2 kB/s, three times as long as a body may be behind
    one.sendall(bytes(200))
    time.sleep(0.1)
ask(one, GET)
ask(idle, GET)
"""


def test_honest_slow_clients_are_served(lab: Lab):
    said = []

    def is_served() -> bool:
        """Unless the machine has stalled them for longer than they may be silent."""
        before = {kind: counted(lab, kind) for kind in TOOLS}
        talk = lab.in_client("python3", "-c", HONEST, timeout_s=120)
        said.append(talk.stderr)
        return talk.returncode == 0 and {kind: counted(lab, kind) for kind in TOOLS} == before

    assert any(is_served() for _ in range(TRIES)), said
