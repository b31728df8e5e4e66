"""The root file system of a raw disk, mounted read-only and without replaying its journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.lab.commands import run

SECTOR = 512
ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
"""Type of an x86-64 root partition (Discoverable Partitions Specification)."""


@contextmanager
def root_of(disk: Path, place: Path) -> Iterator[Path]:
    """Mount it; the loop device goes with the mount."""
    place.mkdir()
    options = f"ro,noload,loop,offset={_offset(disk)}"
    run("mount", "-t", "ext4", "-o", options, str(disk), str(place))
    try:
        yield place
    finally:
        run("umount", str(place))


def _offset(disk: Path) -> int:
    """Bytes before the root partition."""
    table = json.loads(run("sfdisk", "--json", str(disk)))["partitiontable"]
    assert table["sectorsize"] == SECTOR, table["sectorsize"]
    starts = [part["start"] for part in table["partitions"] if part["type"] == ROOT]
    assert len(starts) == 1, f"{disk} has {len(starts)} root partitions"
    return int(starts[0]) * SECTOR
