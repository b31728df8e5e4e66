"""The two data ports, on a DPDK that has the devices which a test says."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import PortSettings
from dataplane.run.ports import DataPorts
from tests.support.fake_ethdev import FakeEthdev

OUTSIDE, INSIDE = "0000:00:05.0", "0000:00:06.0"
POOL = cast("Any", SimpleNamespace(address=1))


def ports(library: FakeEthdev, outside: str, inside: str, lcores: int = 1) -> DataPorts:
    wanted = (PortSettings(outside), PortSettings(inside))
    return DataPorts(cast("Any", library), *wanted, POOL, lcores, 64)


def refusal(library: FakeEthdev, outside: str, inside: str, lcores: int = 1) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ports(library, outside, inside, lcores)
    return str(caught.value)


def test_two_devices_become_the_two_ports() -> None:
    assert ports(FakeEthdev((OUTSIDE, INSIDE)), OUTSIDE, "00:06.0").port_ids == (0, 1)


@pytest.mark.parametrize(
    ("driver", "remedy"),
    [
        ("net_e1000_em", "lower it to 1"),
        ("net_virtio", "lower it to 1, or give the virtual machine's NIC 2 queues"),
        ("net_af_packet", "lower it to 1, or qpairs=2 in the device"),
        ("net_af_xdp", "lower it to 1, or queue_count=2 in the device"),
    ],
)
def test_one_queue_and_two_lcores_are_refused_with_both_and_the_remedy(
    driver: str, remedy: str
) -> None:
    library = FakeEthdev((OUTSIDE, INSIDE), driver=driver)
    assert refusal(library, OUTSIDE, INSIDE, lcores=2) == (
        f"ports.outside.device: {OUTSIDE} ({driver}) has 1 queue, "
        f"dataplane.lcores = 2 needs one each: {remedy}"
    )
    library = FakeEthdev((OUTSIDE, INSIDE), driver=driver, queues=2)
    assert ports(library, OUTSIDE, INSIDE, lcores=2).devices


def test_a_nic_that_dpdk_has_not_found_is_to_be_bound() -> None:
    said = refusal(FakeEthdev((OUTSIDE,)), OUTSIDE, INSIDE)
    assert said.startswith(f"ports.inside.device: DPDK has no port {INSIDE}; is it bound")
    assert "`secbeat host nics` binds it" in said


def test_a_vdev_is_not_told_to_be_bound_but_why_it_was_not_made() -> None:
    said = refusal(FakeEthdev((OUTSIDE,)), OUTSIDE, "net_af_packet1,iface=sb-none0")
    assert said == (
        "ports.inside.device: DPDK has not made net_af_packet1,iface=sb-none0: "
        "interface sb-none0 is not there, in the network namespace of the data plane"
    )


def test_a_unit_that_forbids_packet_sockets_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden:
        def __init__(self, family: int, *_: int) -> None:
            assert family == socket.AF_PACKET
            raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("dataplane.run.vdev.socket.socket", Forbidden)
    said = refusal(FakeEthdev(()), "net_af_packet0,iface=lo", INSIDE)
    assert "may not open packet sockets (Address family not supported by protocol)" in said
    assert said.endswith("its unit must be allowed to: docs/configuration.md#kernel-interfaces")


@pytest.mark.parametrize("device", ["net_tap0", "net_pcap0,iface=lo", "net_null0"])
def test_of_other_vdevs_dpdk_says_why(device: str) -> None:
    said = refusal(FakeEthdev((INSIDE,)), device, INSIDE)
    assert said == f"ports.outside.device: DPDK has not made {device}: DPDK says why above"
