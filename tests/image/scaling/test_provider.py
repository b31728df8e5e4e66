"""Provider ``qemu`` with the real QEMU and a disk without a system: nothing has to boot."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.commands import run as run_tool
from appliance.lab.instance import MARK
from appliance.provisioner.qemu import machine
from tests.image.support.run import Run
from tests.support.instances.lab import TREE

NODE = "scale-0011aabb-1"
FLEET = {"url": "https://10.0.2.2:3030", "token": "t" * 43, "labels": {"secbeat-job": "x"}}


@pytest.fixture
def place(run: Run) -> Path:
    """With an image of nothing, and a ``qemu.toml`` for it."""
    made = run.directory / "provider"
    made.mkdir()
    run_tool("qemu-img", "create", "-q", "-f", "qcow2", str(made / "image.qcow2"), "1G")
    (made / "qemu.toml").write_text(
        f'image = "{made}/image.qcow2"\ndirectory = "{made}/n"\naccelerator = "tcg"\n'
        f'configuration = "{TREE}/appliance/rootfs/node/usr/share/secbeat/secbeat.toml"\n'
        "cpus = 1\nmemory_mib = 1024\ndisk_gib = 4\n[host]\nmemory_reserve_mib = 0\n"
    )
    return made


def ask(place: Path, run: Run, verb: str, **more: Any) -> Any:
    """The result of a question."""
    command = [sys.executable, "-B", "-m", "appliance.provisioner.qemu.provider"]
    done = subprocess.run(
        ["/usr/bin/env", f"{MARK}={run.name}", *command, str(place / "qemu.toml")],
        input=json.dumps({"protocol": 1, "verb": verb} | more) + "\n",
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])["result"]


def test_a_machine_runs_over_its_overlay_and_leaves_nothing(run: Run, place: Path) -> None:
    before = ask(place, run, "capacity")
    assert before["free"] >= 1, before
    ask(place, run, "create", node=NODE, fleet=FLEET)
    folder = place / "n" / NODE
    assert len(machine.processes(folder)) == 1
    facts = json.loads(
        run_tool("qemu-img", "info", "-U", "--output=json", str(folder / "disk.qcow2"))
    )
    assert facts["full-backing-filename"] == str(place / "image.qcow2")
    assert facts["virtual-size"] == 4 << 30
    assert _greeting(machine.monitor(folder)).keys() == {"QMP"}
    listed = run_tool("xorriso", "-indev", str(folder / "seed.iso"), "-find", "/")
    assert "user-data" in listed
    assert ask(place, run, "list") == {"nodes": [NODE], "local": True}
    assert ask(place, run, "capacity")["free"] <= before["free"]
    ask(place, run, "destroy", node=NODE)
    assert list((place / "n").iterdir()) == []
    assert machine.processes(folder) == []


def _greeting(path: Path) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(60)
        monitor.connect(str(path))
        found: dict[str, Any] = json.loads(monitor.makefile().readline())
        return found
