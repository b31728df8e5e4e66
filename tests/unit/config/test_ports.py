"""The data ports in secbeat.toml: their devices, and what each may be."""

from __future__ import annotations

import pytest

from tests.unit.config.documents import PORTS, complaints


@pytest.mark.parametrize("mtu", [575, 9601])
def test_mtu_has_limits(mtu: int) -> None:
    ports = {**PORTS, "outside": {"device": "net_null0", "mtu": mtu}}
    (complaint,) = complaints(ports=ports)
    assert complaint.startswith(f"ports.outside.mtu = {mtu}: must be at ")


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("0000:01:00.0", "0000:01:00.0"),
        ("0000:0A:00.0", "0000:0a:00.0"),
        ("net_af_packet0,iface=a", "net_af_packet0,iface=b"),
        ("net_af_packet0,iface=a", "net_af_packet1,iface=a"),
        ("01:00.0", "0000:01:00.0"),
        ("mac:52:54:00:00:01:0a", "mac:52:54:00:00:01:0A"),
        ("nic:1", "nic:01"),
    ],
)
def test_ports_must_differ(outside: str, inside: str) -> None:
    (complaint,) = complaints(ports={"outside": {"device": outside}, "inside": {"device": inside}})
    assert complaint.startswith(f'ports.inside.device = "{inside}": must differ from')


@pytest.mark.parametrize(
    ("device", "limit"),
    [
        ("mac:52:54:00:00:01", "must be six bytes after mac:, such as mac:52:54:00:00:01:01"),
        ("mac:", "must be six bytes after mac:, such as mac:52:54:00:00:01:01"),
        ("nic:", "must be a number after nic:, at most 255"),
        ("nic:-1", "must be a number after nic:, at most 255"),
        ("nic:\u0661", "must be a PCI address, mac:ADDRESS, nic:N or a DPDK vdev"),
        ("nic:256", "must be at most nic:255"),
        ("nic:" + "9" * 200, "must be a number after nic:, at most 255"),
        ("", "must be a PCI address, mac:ADDRESS, nic:N or a DPDK vdev"),
    ],
)
def test_a_device_has_one_of_the_forms(device: str, limit: str) -> None:
    ports = {**PORTS, "outside": {"device": device}}
    (complaint,) = complaints(ports=ports)
    assert complaint.startswith("ports.outside.device = ")
    assert limit in complaint


def test_the_management_interface_is_not_below_a_data_port() -> None:
    ports = {**PORTS, "outside": {"device": "net_af_packet0,iface=eth0"}}
    (complaint,) = complaints(ports=ports, management={"nic": "eth0"})
    assert complaint.startswith('management.nic = "eth0": is a data port: ports.outside.device')


def test_ports_are_required() -> None:
    assert complaints(ports={"outside": PORTS["outside"]}) == ["ports.inside: is required"]
