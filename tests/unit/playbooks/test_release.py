"""The wheelhouse as the role ``release`` packs it: whole, beside those of other plays."""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
from pathlib import Path

PACK = Path(__file__).parents[3] / "playbooks" / "roles" / "release" / "files" / "pack.sh"
DAY_S = 86_400


def pack(wheelhouse: Path, archive: Path) -> int:
    return subprocess.run(["sh", PACK, wheelhouse, archive], check=False).returncode


def content(archive: Path) -> set[str]:
    with tarfile.open(archive) as packed:
        return {each.name for each in packed if each.isfile()}


def test_an_archive_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    wheelhouse, archive = tmp_path / "house", tmp_path / "packed" / "wheelhouse-a.tar"
    wheelhouse.mkdir()
    (wheelhouse / "requirements.txt").write_text("first")
    assert pack(wheelhouse, archive) == 0
    read_by_a_play = archive.open("rb")
    (wheelhouse / "a.whl").write_text("second")
    assert pack(wheelhouse, archive) == 0
    with tarfile.open(fileobj=read_by_a_play) as before:
        assert {each.name for each in before if each.isfile()} == {
            "secbeat-wheelhouse/requirements.txt"
        }
    names = {"secbeat-wheelhouse/requirements.txt", "secbeat-wheelhouse/a.whl"}
    assert content(archive) == names
    assert pack(tmp_path / "missing", archive) != 0
    assert content(archive) == names
    assert list(archive.parent.iterdir()) == [archive]


def test_releases_of_another_day_go_and_those_of_other_plays_stay(tmp_path: Path) -> None:
    wheelhouse, folder = tmp_path / "house", tmp_path / "packed"
    wheelhouse.mkdir()
    folder.mkdir()
    old, other = folder / "wheelhouse-b.tar", folder / "wheelhouse-c.tar"
    of_a_role = folder / "node.tar"
    for file in (old, other, of_a_role):
        file.touch()
    for file in (old, of_a_role):
        os.utime(file, (time.time() - 2 * DAY_S,) * 2)
    assert pack(wheelhouse, folder / "wheelhouse-a.tar") == 0
    assert set(folder.iterdir()) == {folder / "wheelhouse-a.tar", other, of_a_role}
