"""The two data ports, on a DPDK that has the devices which a test says."""

from __future__ import annotations

import socket
import struct
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import PortSettings
from dataplane.native import abi
from dataplane.run.ports.data_ports import DataPorts
from dataplane.run.ports.packet_sockets import PacketSocketDrops, drops_of
from tests.support.fakes.fake_ethdev import FakeEthdev

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

    monkeypatch.setattr("dataplane.run.ports.vdev.socket.socket", Forbidden)
    said = refusal(FakeEthdev(()), "net_af_packet0,iface=lo", INSIDE)
    assert "may not open packet sockets (Address family not supported by protocol)" in said
    assert said.endswith("its unit must be allowed to: docs/configuration.md#kernel-interfaces")


class FullRing:
    """A packet socket whose ring was full; the kernel's counter is zero after each reading."""

    def __init__(self, *drops: int) -> None:
        self.drops = list(drops)

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (263, 6, 8)
        if not self.drops:
            raise OSError(9, "Bad file descriptor")
        return struct.pack("2I", 1000, self.drops.pop(0))

    def close(self) -> None:
        self.drops.clear()


def test_what_the_kernel_drops_for_a_port_on_packet_sockets_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rings = cast("Any", [FullRing(5, 0, 2), FullRing(1, 1, 1)])
    found = {"e0": PacketSocketDrops(rings), None: PacketSocketDrops([])}
    monkeypatch.setattr("dataplane.run.ports.data_ports.drops_of", found.__getitem__)
    library = FakeEthdev(("net_af_packet0", INSIDE), driver="net_af_packet")
    made = ports(library, "net_af_packet0,iface=e0", INSIDE)
    header = abi.StatsHeader()
    counted = []
    for _ in range(4):
        made.read(header)
        counted.append(header.device[0].missed)
    assert counted == [6, 7, 10, 10]
    assert header.device[1].missed == 0
    made.close()
    assert rings == []


def test_the_packet_sockets_of_an_interface_are_found_among_all_descriptors() -> None:
    with socket.socketpair()[0] as other:
        assert not drops_of("lo")
        assert not drops_of(None)
        assert other.fileno() >= 0


@pytest.mark.parametrize("device", ["net_tap0", "net_pcap0,iface=lo", "net_null0"])
def test_of_other_vdevs_dpdk_says_why(device: str) -> None:
    said = refusal(FakeEthdev((INSIDE,)), device, INSIDE)
    assert said == f"ports.outside.device: DPDK has not made {device}: DPDK says why above"
