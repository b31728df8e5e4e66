"""How Packer is called, and that its templates know what they are given."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.image.options import Layout, Options
from appliance.image.steps.packer import Job, packer_environment, packer_variables
from appliance.image.system.accelerator import TCG, Accelerator

TREE = Path(__file__).parents[3]
OPTIONS = Options(
    cache=Path("/c"),
    accelerator="auto",
    metal=True,
    refresh=False,
    mirror="http://m",
    security_mirror="http://s",
    memory_mib=2048,
    cpus=2,
)
JOB = Job(
    disk=Path("/cache/build/base.raw"),
    checksum="sha256:00",
    private_key=Path("/cache/build/key"),
    wheelhouse=Path("/c/wheelhouse-k"),
    accelerator=Accelerator(TCG, "asked for"),
    output=Path("/cache/build/machine"),
    serial_log=Path("/log/serial.log"),
)


def templates() -> str:
    return "\n".join(file.read_text() for file in sorted((TREE / "packer").glob("*.pkr.hcl")))


def test_packer_is_given_exactly_the_variables_that_are_declared() -> None:
    declared = set(re.findall(r'^variable "(\w+)"', templates(), re.MULTILINE))
    assert packer_variables(JOB, OPTIONS, Layout(TREE, Path("/c"))).keys() == declared


def test_every_variable_is_used() -> None:
    declared = set(re.findall(r'^variable "(\w+)"', templates(), re.MULTILINE))
    assert set(re.findall(r"\bvar\.(\w+)", templates())) == declared


def test_every_forward_listens_on_loopback() -> None:
    forwards = re.findall(r"hostfwd=\w+:([^:]*):", templates())
    assert forwards == ["127.0.0.1"]


def test_the_plugins_lie_where_packer_1_6_does_not_read_them() -> None:
    assert "required_plugins" not in templates()
    assert "required_plugins" in (TREE / "packer/plugins/plugins.pkr.hcl").read_text()


def test_what_packer_and_ansible_write_stays_in_the_work_folder(tmp_path: Path) -> None:
    environment = packer_environment(tmp_path)
    folders = ("HOME", "TMPDIR", "PACKER_CACHE_DIR", "PACKER_CONFIG_DIR", "ANSIBLE_HOME")
    assert all(environment[name].startswith(f"{tmp_path}/") for name in folders)
