"""The SYN proxy compared with nft's: ``python -m bench.synproxy`` (root; nft, trafgen, nginx).

Both are between a client and an origin in network namespaces, on veth. trafgen floods port 80 from
random sources: first alone at its maximum rate, then at a fixed rate together with 200 well-behaved
connections per second. The benchmark reports the answers that arrive at the client, and the
processor time of the whole machine in this time, including that of trafgen: on veth the sender's
core runs nft, and a core that polls for SecBeat always counts as busy.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.support.clients.syn_flood import good_connections, mac, trafgen
from tests.support.instances.lab import Lab, run
from tests.support.network.peers import background

SECONDS = 8
RATE = "100000pps"
GOOD_PER_S = 200
CLIENT, MIDDLE, ORIGIN = "sbq-client", "sbq-middle", "sbq-origin"
_NFT = """
table ip flood {
  chain raw {
    type filter hook prerouting priority raw;
    tcp dport 80 tcp flags & (fin|syn|rst|ack) == syn notrack
  }
  chain through {
    type filter hook forward priority filter;
    tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
    ct state invalid drop
  }
}
"""
_NGINX = """
daemon off; master_process off; pid {0}/pid; error_log {0}/error crit;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};
  uwsgi_temp_path {0}; scgi_temp_path {0};
  server {{ listen 80; location / {{ return 200 "hello\\n"; }} }} }}
"""


@dataclass(frozen=True)
class Peers:
    """Source and destination of the flood."""

    client: str
    """Network namespace; its interface is ``net0``."""
    target: str
    target_mac: str
    node: Lab | None = None


def main() -> int:
    """Measure one after the other and print a table."""
    found = {}
    for driver in ("net_af_xdp", "net_af_packet"):
        with secbeat(driver) as peers:
            found[f"SecBeat, {driver}"] = measure(peers)
    with nft() as peers:
        found["nft synproxy"] = measure(peers)
    show(found)
    return 0


@contextmanager
def secbeat(driver: str) -> Iterator[Peers]:
    """Run a node in a lab with its SYN proxy on."""
    ports = "".join(
        f'[ports.{port}]\ndevice = "{driver}{index},iface={port}"\n'
        for index, port in enumerate(("outside", "inside"))
    )
    lab = Lab("synproxy")
    lab.down()
    try:
        lab.up(config=ports)
        lab.change("PUT", "/policy", json={"name": "bench", "syn": "always"})
        names = lab.instance.namespaces
        lab.curl("http://198.19.0.1/")
        yield Peers(names.client, "198.19.0.1", mac(names.origin, "net0"), lab)
    finally:
        lab.down()


@contextmanager
def nft() -> Iterator[Peers]:
    """Run a router with nft's synproxy, configured as its documentation describes, and nginx behind
    it."""
    with ExitStack() as stack:
        for name in (CLIENT, MIDDLE, ORIGIN):
            run("ip", "netns", "delete", name)
            _do("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "delete", name)
            _do("ip", "-n", name, "link", "set", "lo", "up")
        for peer, device, net in ((CLIENT, "out", 90), (ORIGIN, "in", 91)):
            link = ("ip", "link", "add", "net0", "netns", peer, "type", "veth")
            _do(*link, "peer", "name", device, "netns", MIDDLE)
            for where, interface, host in ((peer, "net0", 2), (MIDDLE, device, 1)):
                _do("ip", "-n", where, "address", "add", f"10.{net}.0.{host}/24", "dev", interface)
                _do("ip", "-n", where, "link", "set", interface, "up")
            _do("ip", "-n", peer, "route", "add", "default", "via", f"10.{net}.0.1")
        for key in ("ip_forward=1", "tcp_timestamps=1", "tcp_syncookies=1"):
            _do("ip", "netns", "exec", MIDDLE, "sysctl", "-qw", f"net.ipv4.{key}")
        loose = "net.netfilter.nf_conntrack_tcp_loose=0"
        _do("ip", "netns", "exec", MIDDLE, "sysctl", "-qw", loose)
        client_mac = mac(CLIENT, "net0")
        route = ("ip", "-n", MIDDLE, "route", "add", "100.0.0.0/8", "via", "10.90.0.2")
        _do(*route)
        neighbour = ("ip", "-n", MIDDLE, "neighbour", "replace", "10.90.0.2", "lladdr", client_mac)
        _do(*neighbour, "dev", "out", "nud", "permanent")
        _do("ip", "netns", "exec", MIDDLE, "nft", _NFT)
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        config = Path(directory) / "nginx.conf"
        config.write_text(_NGINX.format(directory))
        origin = ("ip", "netns", "exec", ORIGIN, "nginx", "-c", str(config), "-p", directory)
        stack.enter_context(background(*origin))
        time.sleep(1)
        yield Peers(CLIENT, "10.91.0.2", mac(MIDDLE, "out"))


@dataclass(frozen=True)
class _Moment:
    """All counters at one moment."""

    sent: int
    answers: int
    """Packets received by the client."""
    busy_s: float
    worker_cycles: int
    worker_busy_cycles: int
    """Cycles in turns with packets."""
    at_s: float

    @classmethod
    def now(cls, peers: Peers) -> _Moment:
        done = run("ip", "-n", peers.client, "-j", "-s", "link", "show", "dev", "net0")
        counted = json.loads(done.stdout)[0]["stats64"]
        lcores = peers.node.stats().lcores if peers.node else ()
        return cls(
            counted["tx"]["packets"],
            counted["rx"]["packets"],
            _busy_s(),
            sum(lcore.total_cycles for lcore in lcores),
            sum(lcore.busy_cycles for lcore in lcores),
            time.monotonic(),
        )


def measure(peers: Peers) -> dict[str, float]:
    """Measure the flood alone, then a lighter flood together with good connections."""
    where = (peers.client, peers.target)
    with trafgen(*where, peers.target_mac):
        before = _Moment.now(peers)
        time.sleep(SECONDS)
        after = _Moment.now(peers)
    with trafgen(*where, peers.target_mac, "--rate", RATE):
        failed, took = good_connections(*where, SECONDS * GOOD_PER_S, GOOD_PER_S)
    passed_s, busy_s = after.at_s - before.at_s, after.busy_s - before.busy_s
    answers, cycles = after.answers - before.answers, after.worker_cycles - before.worker_cycles
    cuts = statistics.quantiles(took, n=100)
    return {
        "SYNs a second": (after.sent - before.sent) / passed_s,
        "answers a second": answers / passed_s,
        "CPU-seconds a second": busy_s / passed_s,
        "answers per CPU-second": answers / busy_s,
        "worker busy %": 100 * (after.worker_busy_cycles - before.worker_busy_cycles) / cycles
        if cycles
        else math.nan,
        f"failed at {RATE}": failed,
        "p50 ms": 1000 * cuts[49],
        "p99 ms": 1000 * cuts[98],
    }


def show(found: dict[str, dict[str, float]]) -> None:
    """Print one row each, and the ratio."""
    table = Table(title=f"SYN flood and {GOOD_PER_S} good connections a second, {SECONDS} s")
    names = list(next(iter(found.values())))
    for heading in ("", *names):
        table.add_column(heading, justify="right")
    for who, values in found.items():
        table.add_row(who, *(f"{values[name]:,.2f}" for name in names))
    console = Console(width=180)
    console.print(table)
    *ours, theirs = (one["answers per CPU-second"] for one in found.values())
    for name, rate in zip(found, ours, strict=False):
        console.print(f"{name} / nft, answers per CPU-second: {rate / theirs:.2f}")


def _busy_s() -> float:
    """Processor time of the whole machine that was not idle (proc(5), /proc/stat)."""
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / 100


def _do(*command: str) -> None:
    done = run(*command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
