"""What a rename may replace."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.base.durable import replaceable
from tests.support.special_files import KINDS, make_special


def test_a_regular_file_and_a_missing_one_are_replaced(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch()
    assert replaceable(there) == there
    assert replaceable(tmp_path / "missing") == tmp_path / "missing"


def test_links_are_followed_also_to_a_missing_file(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to("target")
    assert replaceable(link) == target
    target.touch()
    assert replaceable(link) == target


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_and_a_fifo_are_not_replaced(kind: str, tmp_path: Path) -> None:
    special, link = tmp_path / "special", tmp_path / "link"
    make_special(special, kind)
    link.symlink_to(special)
    assert replaceable(special) is None
    assert replaceable(link) is None


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    assert replaceable(tmp_path) is None


def test_an_open_file_without_a_name_is_not_replaced(tmp_path: Path) -> None:
    with (tmp_path / "gone").open("w") as file:
        (tmp_path / "gone").unlink()
        assert replaceable(Path(f"/proc/self/fd/{file.fileno()}")) is None


def test_a_loop_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        replaceable(tmp_path / "loop")
