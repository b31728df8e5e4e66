"""`secbeat host network`: DHCP on the management NIC, unless somebody says otherwise."""

from __future__ import annotations

import os

import pytest

from appliance.config import NodeConfig
from appliance.host.files import HostError
from appliance.host.management import plan
from appliance.host.steps import carry_out
from tests.support.fakes.fake_host import FakeHost
from tests.support.fakes.fake_kernel import FakeKernel, FakeTools
from tests.unit.host.conftest import MANAGEMENT, Configure

NETWORK = "/run/systemd/network/zz-secbeat-management.network"


def bring(kernel: FakeKernel, tools: FakeTools, config: NodeConfig) -> list[str]:
    return carry_out(plan(kernel, config, tools))


@pytest.mark.parametrize(
    ("nic", "match"),
    [
        ("nic:0", f"Path=pci-{MANAGEMENT}"),
        ("01:00.0", "Path=pci-0000:01:00.0"),
        ("mac:52:54:00:00:01:0A", "PermanentMACAddress=52:54:00:00:01:0a"),
        ("ens2", "Name=ens2"),
    ],
)
def test_the_management_nic_is_configured_by_dhcp(
    kernel: FakeKernel, tools: FakeTools, configure: Configure, nic: str, match: str
) -> None:
    bring(kernel, tools, configure(management={"nic": nic}))
    lines = (kernel.text(NETWORK) or "").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "[Match]",
        match,
        "",
        "[Network]",
        "DHCP=yes",
    ]
    assert ("networkctl", "reload") not in tools.ran, "networkd does not run yet"


def test_a_running_networkd_is_told_of_a_change_and_of_nothing_else(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    fake.write("/run/systemd/netif/state")
    bring(kernel, tools, configure())
    bring(kernel, tools, configure())
    assert tools.ran.count(("networkctl", "reload")) == 1


def test_without_a_management_nic_there_is_no_network_file(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure())
    bring(kernel, tools, configure(management={}))
    assert not kernel.exists(NETWORK)


def test_a_management_nic_that_is_not_there_is_told(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    with pytest.raises(HostError, match=r'^management.nic = "nic:9": there is no such Ethernet'):
        bring(kernel, tools, configure(management={"nic": "nic:9"}))


def test_planning_changes_nothing(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    assert len(plan(kernel, configure(), tools)) == 1
    assert not kernel.exists(NETWORK)


def test_others_may_read_the_file_whatever_the_umask_is(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    before = os.umask(0o077)
    try:
        bring(kernel, tools, configure())
    finally:
        os.umask(before)
    file = kernel.path(NETWORK)
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755
