"""What names a step's inputs, and what is kept under those names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.image.cache import KEPT_PER_KIND, Cache
from appliance.image.inputs import key


def test_a_key_changes_with_content_name_mode_and_text(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    file = folder / "a.py"
    file.write_text("one")
    keys = {key(folder)}

    file.write_text("two")
    keys.add(key(folder))
    file.chmod(0o755)
    keys.add(key(folder))
    file.rename(folder / "b.py")
    keys.add(key(folder))
    keys.add(key(folder, "text"))

    assert len(keys) == 5


def test_a_key_does_not_see_what_tools_leave(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    before = key(tmp_path)

    for folder in ("__pycache__", ".mypy_cache", "x.egg-info"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "leftover").write_text("x")

    assert key(tmp_path) == before


def test_a_text_is_not_a_path_of_that_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    assert key("one") != key(file)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    work = tmp_path / "work"
    work.mkdir()
    return Cache(tmp_path, work)


def test_an_entry_is_found_under_its_kind_and_key(cache: Cache) -> None:
    made = cache.make("base", "k1", lambda folder: (folder / "disk").touch())

    assert cache.find("base", "k1") == made
    assert (made / "disk").exists()
    assert cache.find("base", "k2") is None
    assert cache.find("builder", "k1") is None


def test_an_entry_that_failed_does_not_appear(cache: Cache, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        cache.make("base", "k1", fail)

    assert cache.find("base", "k1") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["work"]


def test_an_entry_grows_too_old(cache: Cache) -> None:
    made = cache.make("base", "k1", lambda _folder: None)
    day_s = 86400
    past = made.stat().st_mtime - 8 * day_s
    os.utime(made, (past, past))

    assert cache.find("base", "k1", age_max_days=7) is None
    assert cache.find("base", "k1", age_max_days=9) == made
    assert cache.find("base", "k1") == made


def test_making_again_replaces_the_entry(cache: Cache) -> None:
    cache.make("base", "k1", lambda folder: (folder / "old").touch())
    made = cache.make("base", "k1", lambda folder: (folder / "new").touch())
    assert [file.name for file in made.iterdir()] == ["new"]


def test_only_the_newest_of_a_kind_are_kept(cache: Cache) -> None:
    cache.make("builder", "k0", lambda _folder: None)
    for number in range(KEPT_PER_KIND + 1):
        made = cache.make("base", f"k{number}", lambda _folder: None)
        os.utime(made, (number, number))

    cache.make("base", "last", lambda _folder: None)

    assert cache.find("base", "k0") is None
    assert cache.find("base", "k1") is None
    assert cache.find("base", f"k{KEPT_PER_KIND}")
    assert cache.find("base", "last")
    assert cache.find("builder", "k0")
