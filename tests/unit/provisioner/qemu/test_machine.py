"""What a node is started with: devices in order, accelerator, and files of its first boot."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.config.load import parse_config
from appliance.provisioner.qemu import configuration, machine, seed
from appliance.provisioner.qemu.machine import MachineError
from tests.unit.provisioner.qemu.conftest import FLEET, NODE, TOKEN


def words(file: Path, directory: Path, accelerated: str = "tcg") -> str:
    return " ".join(machine.command(configuration.load(file), directory / NODE, accelerated))


def test_management_outside_and_inside_are_in_this_order_on_the_bus(
    file: Path, directory: Path
) -> None:
    text = file.read_text()
    file.write_text(text.replace("[host]", '[networks]\noutside = "bridge:br-out"\n[host]'))
    line = words(file, directory)
    assert "user,id=management" in line
    assert "bridge,id=outside,br=br-out" in line
    assert "hubport,id=inside,hubid=2" in line
    places = [line.index(f"netdev={name}") for name in ("management", "outside", "inside")]
    assert places == sorted(places)
    assert [f"addr=0x{place}" in line for place in (4, 5, 6)] == [True, True, True]
    assert line.count("iommu_platform=on") == 2


def test_emulation_and_kvm_are_told_apart(file: Path, directory: Path) -> None:
    assert "-accel tcg,thread=multi -cpu max" in words(file, directory)
    assert "q35,kernel-irqchip=split -accel kvm -cpu host" in words(file, directory, "kvm")


def test_addresses_are_a_node_s_own_and_stay() -> None:
    made = [machine.mac(node, index) for node in (NODE, "other") for index in (0, 1, 2)]
    assert len({*made}) == 6
    assert made[0] == machine.mac(NODE, 0)
    assert all(int(mac[:2], 16) & 3 == 2 for mac in made)  # unicast, locally administered


@pytest.mark.parametrize(
    ("wanted", "is_there", "found"),
    [("auto", True, "kvm"), ("auto", False, "tcg"), ("kvm", True, "kvm"), ("tcg", True, "tcg")],
)
def test_kvm_is_taken_where_it_can_be_opened(
    file: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, is_there: bool, found: str
) -> None:
    file.write_text(file.read_text().replace('"tcg"', f'"{wanted}"'))
    monkeypatch.setattr(machine.os, "access", lambda *_: is_there)
    assert machine.accelerator(configuration.load(file))[0] == found


def test_kvm_that_is_asked_for_and_not_there_is_an_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text().replace('"tcg"', '"kvm"'))
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    with pytest.raises(MachineError, match="/dev/kvm"):
        machine.accelerator(configuration.load(file))


def _seed(file: Path) -> dict[str, Any]:
    user_data = seed.files(configuration.load(file), NODE, FLEET)["user-data"]
    head, _, rest = user_data.partition("\n")
    assert head == "#cloud-config"
    written: dict[str, Any] = json.loads(rest)
    return written


def test_the_seed_names_the_node_and_how_it_joins(file: Path, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    file.write_text(
        f'ca_file = "{ca}"\nauthorized_keys = ["ssh-ed25519 AAAA x"]\n' + file.read_text()
    )
    user_data = _seed(file)
    assert (user_data["hostname"], user_data["ssh_authorized_keys"]) == (
        NODE,
        ["ssh-ed25519 AAAA x"],
    )
    files = {each["path"]: each for each in user_data["write_files"]}
    tables = tomllib.loads(files["/etc/secbeat/secbeat.toml"]["content"])
    config = parse_config(tables, Path("secbeat.toml"))
    assert config.node.name == NODE
    assert config.fleet.url == FLEET["url"]
    assert config.fleet.labels == FLEET["labels"]
    assert files[str(config.fleet.ca_file)]["content"] == ca.read_text()
    assert files[str(config.fleet.token_file)] == {
        "path": "/etc/secbeat/enrol.token",
        "content": f"{TOKEN}\n",
        "permissions": "0400",
        "owner": "secbeat:secbeat",
    }


def test_the_token_is_in_its_own_file_alone(file: Path) -> None:
    held = [each["path"] for each in _seed(file)["write_files"] if TOKEN in each["content"]]
    assert held == ["/etc/secbeat/enrol.token"]
