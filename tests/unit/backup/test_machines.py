"""Virtual machines of the provider ``qemu`` are in no backup, and a restore leaves them alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.backup import places as placing
from appliance.backup.create import create
from appliance.backup.machines import directories
from appliance.backup.restore import prepare
from appliance.commands import run
from tests.unit.backup.conftest import Host
from tests.unit.backup.test_create import files

COMMAND = "/opt/secbeat/bin/secbeat-provider-qemu"


def configure(host: Host, directory: Path) -> None:
    host.write("etc/qemu.toml", f'directory = "{directory}"\n')
    command = json.dumps([COMMAND, str(host.etc / "qemu.toml")])
    host.write("etc/provisioner.toml", f"[providers.vm]\ncommand = {command}\n")


def write_machine(host: Host, directory: str, name: str, disk: str) -> Path:
    host.write(f"provisioner/{directory}/{name}/seed.iso", "token")
    return host.write(f"provisioner/{directory}/{name}/disk.qcow2", disk)


@pytest.mark.parametrize("directory", ["qemu", "site/machines", "."])
def test_a_backup_has_no_machine(host: Host, file: Path, directory: str):
    configure(host, host.provisioner / directory)
    host.write("provisioner/cloud/state.json", "of another provider")
    write_machine(host, directory, "job-1", "disk")
    create(host.places, file)
    found = {name for name in files(file) if name.startswith("provisioner/")}
    assert found == (set() if directory == "." else {"provisioner/cloud/state.json"})


@pytest.mark.parametrize("directory", ["qemu", "site/machines"])
def test_a_restore_leaves_machines_alone(host: Host, file: Path, directory: str):
    configure(host, host.provisioner / directory)
    state = host.write("provisioner/cloud/state.json", "old")
    disk = write_machine(host, directory, "job-1", "disk")
    create(host.places, file)
    state.write_text("new")
    disk.write_text("written meanwhile")
    later = write_machine(host, directory, "job-2", "made later")
    with prepare(host.places, file) as prepared:
        prepared.carry_out(run)
    assert state.read_text() == "old"
    assert (disk.read_text(), later.read_text()) == ("written meanwhile", "made later")


def test_disks_in_an_archive_are_not_put_in_place(
    host: Host, file: Path, monkeypatch: pytest.MonkeyPatch
):
    host.write("provisioner/cloud/state.json", "old")
    disk = write_machine(host, "qemu", "job-1", "disk")
    with monkeypatch.context() as patched:
        patched.setattr(placing.Places, "machines", lambda _self: frozenset())
        create(host.places, file)
    assert "provisioner/qemu/job-1/disk.qcow2" in files(file)
    disk.write_text("written meanwhile")
    with prepare(host.places, file) as prepared:
        prepared.carry_out(run)
    assert disk.read_text() == "written meanwhile"


@pytest.mark.parametrize(
    "text",
    [
        "no TOML",
        "providers = 7",
        "[providers]\nvm = 7",
        "[providers.vm]\ncommand = 7",
        f'[providers.vm]\ncommand = ["{COMMAND}"]',
        f'[providers.vm]\ncommand = ["{COMMAND}", "/missing/qemu.toml"]',
    ],
)
def test_a_configuration_that_cannot_be_read_names_no_directory(host: Host, text: str):
    host.write("etc/provisioner.toml", text)
    assert directories(host.etc, host.provisioner) == {host.provisioner / "qemu"}


def test_a_directory_outside_of_the_provisioner_s_is_not_named(host: Host):
    configure(host, Path("/"))
    assert directories(host.etc, host.provisioner) == {host.provisioner / "qemu"}


def test_a_file_may_be_named_below_the_provider_s_directory(host: Host):
    configure(host, host.provisioner / "machines")
    host.write(
        "etc/provisioner.toml",
        f'[providers.vm]\ncommand = ["{COMMAND}", "qemu.toml"]\ndirectory = "{host.etc}"\n',
    )
    assert host.provisioner / "machines" in directories(host.etc, host.provisioner)
