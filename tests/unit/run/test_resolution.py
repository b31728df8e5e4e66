"""ports.json: which PCI function a device of the configuration means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.config import NodeConfig, dataplane_settings
from appliance.config.devices import Device, Kind, data_device, management_device
from appliance.config.resolution import Resolution, Resolved, read_resolution, resolution_path
from dataplane.base.errors import ConfigurationError
from dataplane.run.ports.vdev import interface_of

OUTSIDE, INSIDE = "mac:52:54:00:00:01:01", "nic:2"
FOUND = Resolution(
    Resolved(OUTSIDE, "0000:00:03.0", "52:54:00:00:01:01", "vfio-pci", "net_virtio"),
    Resolved(INSIDE, "0000:00:04.0"),
    Resolved("nic:0", "0000:00:02.0"),
)


def config(directory: Path, outside: str = OUTSIDE, inside: str = INSIDE) -> NodeConfig:
    ports = {"outside": {"device": outside, "mtu": 1400}, "inside": {"device": inside}}
    return NodeConfig.model_validate({"ports": ports, "node": {"nics_dir": directory}})


def write(directory: Path, document: Any) -> Path:
    file = directory / "ports.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("01:00.0", Device(Kind.PCI, "0000:01:00.0")),
        ("0000:AF:00.1,representor=0", Device(Kind.PCI, "0000:af:00.1")),
        ("mac:AA:bb:00:00:01:01", Device(Kind.MAC, "aa:bb:00:00:01:01")),
        ("nic:007", Device(Kind.ORDER, "7")),
        ("net_af_packet0,iface=e0", Device(Kind.VIRTUAL, "net_af_packet0")),
    ],
)
def test_what_a_device_string_means(text: str, device: Device) -> None:
    assert data_device(text) == device


def test_a_management_nic_may_be_an_interface() -> None:
    assert management_device("eth0.7") == Device(Kind.INTERFACE, "eth0.7")
    assert management_device("nic:0") == Device(Kind.ORDER, "0")
    for name in ("..", "a b", "net_af_packet0,iface=e0", "", "x" * 16):
        with pytest.raises(ValueError, match="kernel interface"):
            management_device(name)


@pytest.mark.parametrize(
    ("device", "interface"),
    [
        ("net_af_packet0,iface=eth1,qpairs=2", "eth1"),
        ("net_af_packet0,qpairs=1,iface=e0", "e0"),
        ("net_af_xdp1,iface=inside", "inside"),
        ("net_tap0,iface=dtap0", None),
        ("net_null0", None),
        ("0000:01:00.0", None),
    ],
)
def test_the_kernels_interface_below_a_port(device: str, interface: str | None) -> None:
    assert interface_of(device) == interface


def test_the_data_plane_is_given_the_addresses_that_were_found(tmp_path: Path) -> None:
    write(tmp_path, FOUND.document())
    settings = dataplane_settings(config(tmp_path))
    assert (settings.outside.device, settings.outside.mtu) == ("0000:00:03.0", 1400)
    assert settings.inside.device == "0000:00:04.0"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert read_resolution(write(tmp_path, FOUND.document())) == FOUND


def test_addresses_and_virtual_ports_need_no_resolution(tmp_path: Path) -> None:
    settings = dataplane_settings(config(tmp_path, "01:00.0", "net_null0"))
    assert (settings.outside.device, settings.inside.device) == ("01:00.0", "net_null0")


def test_without_a_resolution_one_line_names_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        dataplane_settings(config(tmp_path))
    assert str(caught.value) == (
        f'ports.outside.device = "{OUTSIDE}": {resolution_path(config(tmp_path))} is not there; '
        "`secbeat host nics` writes it"
    )


def test_a_resolution_of_another_configuration_is_refused(tmp_path: Path) -> None:
    write(tmp_path, FOUND.document())
    with pytest.raises(ConfigurationError, match='was written for "mac:52:54:00:00:01:01"; run'):
        dataplane_settings(config(tmp_path, "nic:1"))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 2}', '{"version": 1, "outside": {"device": 1, "x": 2}}', "\xff"],
)
def test_a_file_that_is_none_is_told_on_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "ports.json").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=r"ports\.json") as caught:
        dataplane_settings(config(tmp_path))
    assert "\n" not in str(caught.value)
