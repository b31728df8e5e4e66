"""Benign traffic over a long time: ``python -m bench.benign --minutes 20`` (root).

A lab in the mode l7 with the default thresholds. The benchmark first measures the bits per second
of iperf3 alone and the requests per second of wrk alone. Then it runs a mix at a twentieth of each
rate: downloads, pages on kept connections, a ping, and datagrams to port 53 all the time; and every
15 s a crowd of clients that arrive at once, a monitor that scans ports, and a backup at full speed.
It reports the traffic that passed, and the incidents. There should be no incident.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dataplane.shared.stats import NodeStats
from tests.support.instances.lab import TREE, Lab, run
from tests.support.network.peers import background, iperf_server, sequence

MINUTES = 20.0
SHARE = 0.05
"""Share of the rate that iperf3, and that wrk, reaches alone: together a tenth."""
ORIGIN, ORIGIN_IPV6 = "198.19.0.1", "2001:2::2:1"
POLICY = {"name": "benign", "http": {"ports": [80]}}
CROWD = TREE / "tests" / "support" / "clients" / "crowd_client.py"
CROWD_PREFIX, CROWD_FIRST, CLIENTS = "198.18.40.0/22", "198.18.40.1", 200
PORTS, MEGABYTES, DNS_PPS = 200, 64, 100
KEPT = 20
_MEASURE_S = 5
_TURN_S = 15.0
_TOOL_S = 120.0
_WRK = ("wrk", "--threads", "1", "--connections", str(KEPT), "--timeout", "30s")
_CONFIG = "[connections]\nlearning_seconds = 0\n"


def measure(minutes: float) -> dict[str, Any]:
    """Run the mix for this time and return the results."""
    lab = Lab("bench-benign")
    lab.down()  # left by an interrupted run
    try:
        lab.up("--mode", "l7", config=_CONFIG)
        lab.change("PUT", "/policy", lab.key(), json=POLICY)
        _own(lab, CROWD_PREFIX)
        bits, requests = _bits_alone(lab), _requests_alone(lab)
        mixed = _mixed(lab, minutes, bits * SHARE, requests * SHARE)
        if mixed["restarts"]:
            print(lab.log("dataplane")[-8000:], file=sys.stderr)
    finally:
        lab.down()
    return {"minutes": minutes, "alone": {"bits": bits, "requests": requests}, **mixed}


def _bits_alone(lab: Lab) -> float:
    with iperf_server(lab):
        command = ("iperf3", "--client", ORIGIN, "--json", "--time", str(_MEASURE_S))
        report = json.loads(lab.in_client(*command).stdout)
    return float(report["end"]["sum_received"]["bits_per_second"])


def _requests_alone(lab: Lab) -> float:
    done = lab.in_client(*_WRK, "--duration", f"{_MEASURE_S}s", f"http://{ORIGIN}/")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    if found is None:
        raise ValueError(f"wrk says nothing of its rate: {done.stdout}{done.stderr}")
    return float(found[1])


def _mixed(lab: Lab, minutes: float, bits: float, requests: float) -> dict[str, Any]:
    seconds = round(minutes * 60)
    begun, turns, passed = time.monotonic(), 0, [0, 0, 0]
    with _steady(lab, seconds, bits, requests):
        while time.monotonic() - begun < seconds:
            before = lab.stats()
            _turn(lab)
            turns += 1
            time.sleep(max(0.0, begun + turns * _TURN_S - time.monotonic()))
            passed = [
                old + new for old, new in zip(passed, _since(before, lab.stats()), strict=True)
            ]
    took = time.monotonic() - begun
    attacks = lab.api("GET", "/attacks", params={"limit": 1000}).json()["attacks"]
    return {
        "turns": turns,
        "packets_per_second": round(passed[0] / took),
        "bits_per_second": round(passed[1] * 8 / took),
        "connections_per_second": round(passed[2] / took, 1),
        "restarts": lab.process("dataplane")["restarts"],
        "incidents": [[each["type"], each["target"], each["trigger"]["value"]] for each in attacks],
    }


def _since(before: NodeStats, after: NodeStats) -> list[int]:
    """Packets, bytes and connections since ``before``; if the data plane restarted, since then."""
    found = [_counted(stats) for stats in (before, after)]
    if found[1][0] < found[0][0]:
        return found[1]
    return [new - old for old, new in zip(*found, strict=True)]


def _counted(stats: NodeStats) -> list[int]:
    ports = stats.ports.values()
    packets = sum(port.received for port in ports)
    return [packets, sum(port.received_bytes for port in ports), stats.connections.opened]


@contextmanager
def _steady(lab: Lab, seconds: int, bits: float, requests: float) -> Iterator[None]:
    """Run downloads, pages, a ping and datagrams during the block."""
    client, last = lab.enter("client"), str(seconds + round(_TOOL_S))
    script = f"function delay() return {max(1, round(KEPT / requests * 1e3))} end\n"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file, ExitStack() as stack:
        file.write(script)
        file.flush()
        stack.enter_context(iperf_server(lab))
        download = ("--reverse", "--bitrate", str(round(bits)), "--time", last)
        pages = ("--duration", f"{last}s", "--script", file.name, f"http://{ORIGIN}/")
        running = [
            stack.enter_context(background(*client, *command))
            for command in (
                ("iperf3", "--client", ORIGIN, "--interval", "0", *download),
                (*_WRK, *pages),
                ("ping", "-q", "-i", "0.05", ORIGIN_IPV6),
            )
        ]
        stack.enter_context(sequence(lab, ORIGIN, 53, DNS_PPS))
        yield
        for process in running:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} has ended: {process.communicate()[0]}")


def _turn(lab: Lab) -> None:
    """A crowd, a monitor and a backup, one after the other."""
    crowd = (sys.executable, str(CROWD), ORIGIN, CROWD_FIRST, str(CLIENTS), "20")
    served = lab.in_client(*crowd, timeout_s=2 * _TOOL_S).stdout.strip()
    if served != str(CLIENTS):
        raise RuntimeError(f"{served} of {CLIENTS} clients were served")
    lab.in_client("hping3", "--scan", f"1-{PORTS}", "--syn", ORIGIN, timeout_s=_TOOL_S)
    with _second_server(lab):
        backup = ("iperf3", "--client", ORIGIN_IPV6, "--port", "5202", "--bytes", f"{MEGABYTES}M")
        done = lab.in_client(*backup, timeout_s=_TOOL_S)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)


@contextmanager
def _second_server(lab: Lab) -> Iterator[None]:
    command = ("iperf3", "--server", "--port", "5202", "--forceflush", "--interval", "0")
    with background(*lab.enter("origin"), *command) as server:
        assert server.stdout is not None
        while "listening" not in (line := server.stdout.readline()):
            if not line:
                raise RuntimeError("iperf3 has ended")
        yield


def _own(lab: Lab, prefix: str) -> None:
    """Assign all addresses of the prefix to the client."""
    ip = ("ip", "-n", lab.instance.namespaces.client)
    done = run(*ip, "route", "replace", "local", prefix, "dev", "lo")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def lines(result: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    alone = result["alone"]
    mix = f"{result['minutes']:g} minutes of the mix, {result['turns']} turns"
    passed = (
        f"{result['bits_per_second'] / 1e6:.0f} Mbit/s",
        f"{result['packets_per_second']} packets/s",
        f"{result['connections_per_second']} new connections/s",
    )
    again = f"restarts of the data plane: {result['restarts']}"
    return [
        f"alone: {alone['bits'] / 1e6:.0f} Mbit/s of iperf3, {alone['requests']:.0f} requests/s",
        f"{mix}: {', '.join(passed)}",
        f"incidents: {len(result['incidents'])}, wanted: 0; {again}",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.benign")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    measured = measure(parser.parse_args().minutes)
    print("\n".join(lines(measured)))
    print(json.dumps(measured))
