"""What is handed over: files, their sizes and sums, and a manifest that says what is in them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.image.support import expected
from tests.image.support.artifacts import MANIFEST, METAL, OUTPUT, VIRTUAL, image

MB = 1_000_000
QCOW2_BYTES_MAX = 700 * MB
FULL_KERNEL = re.compile(r"^linux-image-[\d.]+\+deb13-amd64$")


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(MANIFEST.read_text())
    return document


def test_the_sums_are_those_of_the_files():
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=OUTPUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_file_that_is_handed_over_is_summed(manifest: dict[str, Any]):
    summed = {line.split("  ")[1] for line in (OUTPUT / "SHA256SUMS").read_text().splitlines()}
    assert summed == {*manifest["files"], MANIFEST.name}


def test_the_disk_for_virtual_machines_is_small_enough():
    assert image(VIRTUAL).stat().st_size <= QCOW2_BYTES_MAX


def test_the_disk_for_virtual_machines_stands_alone():
    shown = subprocess.run(
        ["qemu-img", "info", "--output=json", str(image(VIRTUAL))],
        capture_output=True,
        text=True,
        check=True,
    )
    information = json.loads(shown.stdout)
    assert information["format"] == "qcow2"
    assert "backing-filename" not in information


def test_the_manifest_names_the_revision(manifest: dict[str, Any]):
    assert re.fullmatch(r"[0-9a-f]{40}", manifest["git_revision"])


@pytest.mark.parametrize("kind", [VIRTUAL, METAL])
def test_the_manifest_names_every_package_with_its_version(manifest: dict[str, Any], kind: str):
    packages = manifest["packages"][kind]
    assert all(packages.values())
    assert packages["librte-eal25"].startswith("24.11")
    assert not expected.BUILD_PACKAGES & set(packages)


def test_each_image_has_the_kernel_for_where_it_runs(manifest: dict[str, Any]):
    def full_kernels(kind: str) -> list[str]:
        return [name for name in manifest["packages"][kind] if FULL_KERNEL.match(name)]

    assert full_kernels(VIRTUAL) == []
    assert len(full_kernels(METAL)) == 1
    assert "firmware-misc-nonfree" in manifest["packages"][METAL]
