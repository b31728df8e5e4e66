"""How a disk is laid out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.image.system.bootloader import esp_configuration
from appliance.image.system.contain import loop_devices_over
from appliance.image.system.disk import layout_script


def test_the_partitions_are_bios_esp_and_root_up_to_the_end() -> None:
    lines = layout_script().splitlines()
    assert lines[0] == "label: gpt"
    assert [line.rpartition("name=")[2] for line in lines[1:]] == ["bios", "esp", "root"]
    assert "size=" not in lines[3]


def test_the_esp_finds_grubs_configuration_by_the_roots_uuid() -> None:
    text = esp_configuration("1234-abcd")
    assert text.startswith("search.fs_uuid 1234-abcd root\n")


@pytest.mark.parametrize("listing", ["", '{"loopdevices": []}'])
def test_no_loop_devices_are_no_fault(listing: str) -> None:
    assert loop_devices_over(Path("/cache/build"), listing) == []


def test_only_loop_devices_over_the_work_folder_are_released() -> None:
    files = ("/cache/build/a.raw", "/cache/build/b.raw (deleted)", "/cache/buildings/a.raw", None)
    devices = [{"name": f"/dev/loop{n}", "back-file": file} for n, file in enumerate(files)]
    listing = json.dumps({"loopdevices": devices})
    assert loop_devices_over(Path("/cache/build"), listing) == ["/dev/loop0", "/dev/loop1"]
