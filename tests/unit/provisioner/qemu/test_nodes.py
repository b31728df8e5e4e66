"""Nodes are made, remembered, and gone with all they had; every step can be done again."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from appliance.provisioner.qemu import configuration, machine, nodes
from tests.unit.provisioner.conftest import await_end
from tests.unit.provisioner.qemu.conftest import FLEET, NODE, Ask, Programs


def test_a_node_is_a_process_over_an_overlay_and_a_seed(ask: Ask, directory: Path) -> None:
    answer = ask("create", node=NODE, fleet=FLEET)
    assert answer == {"result": {"node": NODE, "accelerator": "tcg"}}
    folder = directory / NODE
    assert sorted(path.name for path in folder.iterdir()) == ["disk.qcow2", "made", "seed.iso"]
    assert len(machine.processes(folder)) == 1


def test_only_root_reads_the_seed_with_its_token(ask: Ask, directory: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    modes = [stat.S_IMODE((directory / NODE / name).stat().st_mode) for name in (".", "seed.iso")]
    assert modes == [0o700, 0o600]


def test_the_disk_is_an_overlay_of_the_image(ask: Ask, programs: Programs, tmp_path: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    made = (programs.folder / "log").read_text().splitlines()[0]
    assert f"-b {tmp_path}/image.qcow2 -F qcow2" in made
    assert made.endswith(f"{NODE}/disk.qcow2 16G")


def test_a_node_that_is_there_is_not_made_again(ask: Ask, directory: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    before = machine.processes(directory / NODE)
    assert ask("create", node=NODE, fleet=FLEET) == {"result": {"node": NODE}}
    assert machine.processes(directory / NODE) == before


def test_a_node_that_is_off_is_switched_on_with_its_disk(ask: Ask, directory: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    disk = directory / NODE / "disk.qcow2"
    disk.write_text("state")
    (pid,) = machine.processes(directory / NODE)
    os.kill(pid, signal.SIGKILL)
    assert await_end(pid)
    ask("create", node=NODE, fleet=FLEET)
    assert len(machine.processes(directory / NODE)) == 1
    assert disk.read_text() == "state"


def test_a_node_that_is_half_made_is_made_anew(ask: Ask, directory: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    (directory / NODE / "made").unlink()
    (directory / NODE / "disk.qcow2").write_text("half")
    (before,) = machine.processes(directory / NODE)
    ask("create", node=NODE, fleet=FLEET)
    (after,) = machine.processes(directory / NODE)
    assert after != before
    assert (directory / NODE / "disk.qcow2").read_text() == ""


def test_a_node_is_destroyed_once_and_then_gone(ask: Ask, directory: Path) -> None:
    ask("create", node=NODE, fleet=FLEET)
    (pid,) = machine.processes(directory / NODE)
    (directory / NODE / "monitor.sock").touch()
    assert ask("list") == {"result": {"nodes": [NODE], "local": True}}
    assert ask("destroy", node=NODE)["result"]["there"]
    assert await_end(pid)
    assert not ask("destroy", node=NODE)["result"]["there"]
    assert ask("list") == {"result": {"nodes": [], "local": True}}


def test_a_name_is_remembered_before_anything_is_made(
    ask: Ask, programs: Programs, directory: Path
) -> None:
    programs.fail("could not open the disk")
    assert "could not open the disk" in ask("create", node=NODE, fleet=FLEET)["error"]
    assert ask("list") == {"result": {"nodes": [NODE], "local": True}}
    programs.mend()
    assert "result" in ask("create", node=NODE, fleet=FLEET)
    ask("destroy", node=NODE)
    assert list(directory.iterdir()) == []


def test_a_folder_alone_is_listed_and_destroyed(ask: Ask, directory: Path) -> None:
    """So an operator says that the machine of another host is gone."""
    (directory / NODE).mkdir(parents=True)
    assert ask("list") == {"result": {"nodes": [NODE], "local": True}}
    assert ask("destroy", node=NODE)["result"]["there"]
    assert list(directory.iterdir()) == []


def test_one_node_too_many_is_refused(ask: Ask) -> None:
    for ordinal in (1, 2):
        ask("create", node=f"scale-0011aabb-{ordinal}", fleet=FLEET)
    assert "host.nodes is 2" in ask("create", node="scale-0011aabb-3", fleet=FLEET)["error"]
    assert len(ask("list")["result"]["nodes"]) == 2


@pytest.mark.parametrize(
    "question",
    [
        {"verb": "rename", "node": NODE},
        {"verb": "destroy", "node": "../n"},
        {"verb": "destroy", "node": ""},
        {"verb": "create", "node": NODE},
    ],
)
def test_what_is_no_question_is_an_error(ask: Ask, question: dict[str, Any]) -> None:
    assert "error" in ask(**question)


def test_room_is_what_number_cpus_memory_and_disk_leave(
    ask: Ask, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = {"memory": 100_000, "disk": 1000}
    monkeypatch.setattr(nodes, "_available_mib", lambda: room["memory"])
    monkeypatch.setattr(nodes, "_free_gib", lambda _config, _there: room["disk"])
    ask("create", node=NODE, fleet=FLEET)
    assert ask("capacity")["result"] == {
        "free": 1,
        "limit": "host.nodes is 2, and there are 1",
    }
    room["memory"] = 2303
    assert "2303 MiB are for nodes" in ask("capacity")["result"]["limit"]
    room["memory"], room["disk"] = 100_000, 15
    assert "15 GiB are for nodes" in ask("capacity")["result"]["limit"]
    file.write_text(file.read_text().replace("cpus = 4", "cpus = 3"))
    room["disk"] = 1000
    said = ask("capacity")["result"]
    assert said == {"free": 0, "limit": "a node has 2 CPUs, 1 of 3 are left"}


def test_a_disk_counts_as_large_as_it_may_grow(ask: Ask, file: Path) -> None:
    config = configuration.load(file)
    free = nodes._free_gib(config, [])
    ask("create", node=NODE, fleet=FLEET)
    assert nodes._free_gib(config, [NODE]) <= free - 15


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("image.qcow2", "none.qcow2", "there is no such file"),
        ("cpus = 4", "cpus = 0", "host.cpus"),
        ("[host]", '[networks]\noutside = "br0"\n[host]', "networks.outside"),
        ('accelerator = "tcg"', 'accelerator = "xen"', "accelerator"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_key(
    ask: Ask, file: Path, before: str, after: str, why: str
) -> None:
    file.write_text(file.read_text().replace(before, after))
    assert why in ask("capacity")["error"]
