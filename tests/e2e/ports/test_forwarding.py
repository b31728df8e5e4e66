"""Traffic of real peers goes through the packet worker, unchanged and accounted for."""

from __future__ import annotations

import re

import pytest

from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import iperf, iperf_server, vlan
from tests.support.waiting import wait_for

ORIGIN4, ORIGIN6 = "198.19.0.1", "2001:2::2:1"
VLAN = {
    "client": ["10.77.0.1/24", "2001:db8:77::1/64"],
    "origin": ["10.77.0.2/24", "2001:db8:77::2/64"],
}


@pytest.mark.parametrize("host", [ORIGIN4, f"[{ORIGIN6}]"], ids=["ipv4", "ipv6"])
def test_a_page_comes_through_the_node(lab: Lab, host):
    before = lab.quiet_stats()
    page = lab.curl(f"http://{host}/")
    assert "Hello from the origin" in page.stdout, page.stderr
    after = lab.quiet_stats()
    for port in ("outside", "inside"):
        assert after.ports[port].forwarded > before.ports[port].forwarded


def test_the_origin_sees_the_clients_own_address(lab: Lab):
    assert lab.curl(f"http://{ORIGIN4}/ip").stdout.strip() == "198.18.0.1"
    assert lab.curl(f"http://[{ORIGIN6}]/ip").stdout.strip() == "2001:2::1:1"


@pytest.mark.parametrize("target", [ORIGIN4, ORIGIN6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["up", "down"])
def test_bulk_transfer(lab: Lab, target, direction):
    with iperf_server(lab):
        assert iperf(lab, target, *direction) >= 16 << 20


@pytest.mark.parametrize("target", ["10.77.0.2", "2001:db8:77::2"], ids=["ipv4", "ipv6"])
def test_bulk_transfer_in_a_vlan(lab: Lab, target):
    with vlan(lab, 77, VLAN), iperf_server(lab):
        host = f"[{target}]" if ":" in target else target
        assert "Hello" in lab.curl(f"http://{host}/").stdout
        assert iperf(lab, target, megabytes=4) >= 4 << 20


def test_the_kernel_puts_ipv4_fragments_together_ahead_of_af_packet(lab: Lab):
    """DPDK 22.11 and 24.11 ask it to (PACKET_FANOUT_FLAG_DEFRAG), and no option says otherwise.

    The whole is longer than a slot of the port: it comes cut, and its length gives it away. Those
    of IPv6 come as they are. See docs/lab.md.
    """
    before = lab.quiet_stats().ports["outside"].dropped.get("ip_length", 0)

    def cut() -> int:
        done = lab.in_client("ping", "-c", "2", "-i", "0.2", "-W", "1", "-s", "3000", ORIGIN4)
        assert " 0 received" in done.stdout, done.stdout
        return lab.quiet_stats().ports["outside"].dropped.get("ip_length", 0) - before

    wait_for(lambda: cut() >= 2, "the whole is dropped, twice")
    done = lab.in_client("ping", "-c", "2", "-i", "0.2", "-w", "30", "-s", "3000", ORIGIN6)
    assert " 2 received" in done.stdout, done.stdout


def test_every_packet_is_accounted_for(lab: Lab):
    lab.curl(f"http://{ORIGIN4}/16m.bin", timeout_s=30)
    stats = lab.quiet_stats()
    assert_ledgers(stats)
    assert stats.ports["inside"].received_bytes > 16 << 20
    assert stats.latency.count > 0


def test_metrics_show_the_packets(lab: Lab):
    before = lab.quiet_stats()
    lab.curl(f"http://{ORIGIN4}/")
    processed = sum(port.received for port in before.ports.values())
    assert _sample(lab.metrics(9090), "secbeat_packets_processed_total") > processed
    assert "secbeat_" in lab.metrics(9191)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("secbeat_packets_processed_total", "counter"),
        ("secbeat_attacks_blocked_total", "counter"),
        ("secbeat_latency_seconds", "histogram"),
        ("secbeat_connections_active", "gauge"),
        ("secbeat_cpu_usage_percent", "gauge"),
        ("secbeat_memory_usage_bytes", "gauge"),
    ],
)
def test_the_public_port_has_every_name_of_the_contract(lab: Lab, name, kind):
    text = lab.metrics(9090)
    assert re.search(rf"^# TYPE {name} {kind}$", text, re.MULTILINE), text


def _sample(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))
