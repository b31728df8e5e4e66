"""What a build hands over, and when it is up to date."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from appliance.image import outputs
from appliance.image.steps.builder import own_requirement


@pytest.fixture
def output(tmp_path: Path) -> Path:
    file = tmp_path / "secbeat-1.qcow2"
    file.write_bytes(b"disk")
    packages = {"vm": {"bash": "5.2"}}
    document = outputs.manifest({"inputs": "key", "version": "1"}, {"vm": file}, packages)
    outputs.write_manifest(tmp_path, document)
    return tmp_path


def test_the_manifest_tells_facts_files_and_packages(output: Path) -> None:
    document = json.loads((output / outputs.MANIFEST).read_text())
    assert document["version"] == "1"
    assert document["files"]["secbeat-1.qcow2"]["bytes"] == 4
    assert document["packages"] == {"vm": {"bash": "5.2"}}


def test_sha256sum_accepts_the_checksums(output: Path) -> None:
    command = ["sha256sum", "--check", "--strict", outputs.CHECKSUMS]
    done = subprocess.run(command, cwd=output, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["manifest.json: OK", "secbeat-1.qcow2: OK"]


def test_an_output_is_current_for_its_inputs_only(output: Path) -> None:
    assert outputs.is_current(output, "key")
    assert not outputs.is_current(output, "other")


@pytest.mark.parametrize("change", ["corrupt", "remove", "manifest", "nothing"])
def test_an_output_that_was_touched_is_not_current(output: Path, change: str) -> None:
    if change == "corrupt":
        (output / "secbeat-1.qcow2").write_bytes(b"disc")
    if change == "remove":
        (output / "secbeat-1.qcow2").unlink()
    if change == "manifest":
        (output / outputs.MANIFEST).write_text("[]")
    assert outputs.is_current(output, "key") == (change == "nothing")


def test_files_of_earlier_versions_are_taken_away(output: Path) -> None:
    (output / "secbeat-0.9.raw.zst").touch()
    (output / "log").mkdir()
    outputs.remove_stale(output)
    assert [path.name for path in output.iterdir()] == ["log"]


def test_the_projects_own_wheel_is_pinned_by_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "secbeat-0.1.0-py3-none-linux_x86_64.whl"
    wheel.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert own_requirement(wheel) == f"secbeat==0.1.0 \\\n    --hash=sha256:{empty}\n"


def test_the_wheels_of_an_earlier_build_do_not_stay(output: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.whl").touch()
        outputs.copy_wheelhouse(tmp_path / name, output)
    assert [path.name for path in (output / outputs.WHEELHOUSE).iterdir()] == ["second.whl"]
