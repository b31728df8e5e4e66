"""Ports on kernel interfaces, and whether there is a queue for each worker."""

from __future__ import annotations

import pytest

from appliance.doctor import Finding, Status
from tests.support.fakes.fake_host import IXGBE, NIC, OTHER_NIC, FakeHost
from tests.unit.doctor.conftest import Examine

UNIT = "/usr/lib/systemd/system/secbeat-dataplane.service"
CONFINED = "[Service]\nPrivateNetwork=yes\nRestrictAddressFamilies=AF_UNIX\nAmbientCapabilities=\n"
ALLOWED = (
    "[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_PACKET AF_INET\n"
    "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN\n"
)


def of_port(
    findings: Examine, device: str = "net_af_packet0,iface=e0", lcores: int = 1, **more: object
) -> Finding:
    ports = {"outside": {"device": device}, "inside": {"device": OTHER_NIC}}
    return findings(ports=ports, dataplane={"lcores": lcores}, **more)["port outside"]


@pytest.fixture
def fake(fake: FakeHost) -> FakeHost:
    fake.add_interface("e0")
    fake.write("/sys/class/net/e0/carrier", "1\n")
    return fake


def test_segments_that_are_put_together_are_warned_of_with_the_command(
    findings: Examine, fake: FakeHost
) -> None:
    assert of_port(findings).status is Status.OK
    found = of_port(findings, coalescing=("rx-gro", "rx-lro"))
    assert found.status is Status.WARN
    assert found.what == "interface e0, DPDK net_af_packet, rx-gro and rx-lro on"
    assert "ip_length" in found.why
    assert found.command == "ethtool -K e0 gro off lro off"


def test_an_interface_without_a_link_fails(findings: Examine, fake: FakeHost) -> None:
    fake.write("/sys/class/net/e0/carrier", "0\n")
    found = of_port(findings)
    assert (found.status, found.what) == (
        Status.FAIL,
        "interface e0, DPDK net_af_packet, no link",
    )


def test_a_unit_that_forbids_packet_sockets_fails_until_it_is_allowed(
    findings: Examine, fake: FakeHost
) -> None:
    fake.write(UNIT, CONFINED)
    found = of_port(findings)
    assert found.status is Status.FAIL
    assert "the unit lacks PrivateNetwork=no, RestrictAddressFamilies=AF_PACKET" in found.what
    assert "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN" in found.what
    assert "docs/configuration.md#kernel-interfaces" in found.why
    fake.write("/etc/systemd/system/secbeat-dataplane.service.d/50-ports.conf", ALLOWED)
    assert of_port(findings).status is Status.OK
    fake.write(
        "/run/systemd/system/secbeat-dataplane.service.d/60-more.conf",
        "# PrivateNetwork=no\n[Service]\nPrivateNetwork=yes\n",
    )
    assert "the unit lacks PrivateNetwork=no" in of_port(findings).what


def test_a_unit_of_the_operator_stands_for_ours(findings: Examine, fake: FakeHost) -> None:
    fake.write(UNIT, CONFINED)
    fake.write("/etc/systemd/system/secbeat-dataplane.service", ALLOWED)
    assert of_port(findings).status is Status.OK


@pytest.mark.parametrize(
    ("arguments", "lcores", "well"),
    [
        ("", 1, True),
        ("", 2, False),
        (",qpairs=2", 2, True),
        (",qpairs=1", 2, False),
        (",qpairs=2", 1, False),
    ],
)
def test_a_virtual_port_wants_as_many_queues_as_there_are_workers(
    findings: Examine, fake: FakeHost, arguments: str, lcores: int, well: bool
) -> None:
    found = of_port(findings, f"net_af_packet0,iface=e0{arguments}", lcores)
    assert found.status is (Status.OK if well else Status.FAIL)
    if not well:
        has = arguments.removeprefix(",") or "qpairs=1"
        assert found.what == f"net_af_packet0 has {has}, dataplane.lcores = {lcores}"
        assert found.command == f"qpairs={lcores} in its device"


def test_the_queues_of_a_nic_are_compared_where_its_interface_shows_them(
    findings: Examine, fake: FakeHost
) -> None:
    fake.add_nic(NIC, "ixgbe")
    fake.add_interface_of(NIC, "e7", "52:54:00:00:01:01")
    fake.write("/sys/class/net/e7/queues/rx-0/rps_cpus")
    fake.write("/sys/class/net/e7/queues/tx-0/xps_cpus")
    assert "queues outside" not in findings()
    found = findings(dataplane={"lcores": 2})["queues outside"]
    assert found.status is Status.WARN
    what = "shows 1 of its queues, dataplane.lcores = 2 needs one each"
    assert found.what == f"{NIC} (8086:10fb) {what}"
    fake.write("/sys/class/net/e7/queues/rx-1/rps_cpus")
    assert "queues outside" not in findings(dataplane={"lcores": 2})


def test_a_nic_that_has_one_queue_fails_with_two_workers(findings: Examine, fake: FakeHost) -> None:
    fake.add_pmd("librte_net_ixgbe", {**IXGBE, "name": "net_e1000_em"})
    assert "queues inside" not in findings()
    found = findings(dataplane={"lcores": 2})["queues inside"]
    assert found.status is Status.FAIL
    assert "has 1 queue, dataplane.lcores = 2 needs one each" in found.what
