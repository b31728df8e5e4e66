"""Databases for an upgraded engine, made before the restart: the new process is ready at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dataplane.waf.compiling import work
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.rebuild import RebuildError, main, rebuild
from dataplane.waf.document import Rule
from dataplane.waf.exchange.cache import NOTHING, Cache, folder_name
from tests.native.harness import Harness
from tests.native.waf.rules.node import Node

OLD = "4.9.9 2019-01-01"


def filled(harness: Harness, directory: Path) -> Path:
    """A cache whose engine is another one by now."""
    node = Node(harness, directory)
    node.rules.start()
    node.rules.put([Rule(1, "evil"), Rule(2, "wicked", targets=("path",))], 1)
    node.settle()
    node.close()
    root = directory / "cache"
    node.cache.directory.rename(root / folder_name(OLD))
    for database in (root / folder_name(OLD)).glob("*.db"):
        database.unlink()
    return root


def test_after_an_upgrade_rules_are_pending(harness: Harness, tmp_path: Path) -> None:
    filled(harness, tmp_path)
    node = Node(harness, tmp_path, has_helper=False)
    node.rules.put([Rule(1, "evil"), Rule(2, "wicked", targets=("path",))], 1)
    node.rules.start()
    assert (node.rules.pending_count, node.scanner.is_ready) == (2, False)
    node.close()


def test_what_was_rebuilt_is_in_force_at_once(harness: Harness, tmp_path: Path) -> None:
    root = filled(harness, tmp_path)
    assert main([str(root)]) == 0
    node = Node(harness, tmp_path, has_helper=False)
    node.rules.put([Rule(1, "evil"), Rule(2, "wicked", targets=("path",))], 1)
    node.rules.start()
    assert (node.rules.pending_count, node.scanner.is_ready) == (0, True)
    assert node.hits(b"evil") == [1]
    node.turn_until(lambda: len(list(root.iterdir())) == 1)
    node.close()


def test_what_is_for_this_engine_is_left_alone(harness: Harness, tmp_path: Path) -> None:
    engine = Engine()
    assert rebuild(tmp_path, engine) == {}
    Cache(tmp_path, engine.version).store(NOTHING)
    assert rebuild(tmp_path, engine) == {}


def test_what_has_been_rebuilt_is_not_compiled_again(harness: Harness, tmp_path: Path) -> None:
    """The old engine's data plane has said once more what is in force, and one tier is another."""
    root, engine = filled(harness, tmp_path), Engine()
    made = rebuild(root, engine)
    directory = root / folder_name(engine.version)
    before = {path.name: path.stat().st_ino for path in directory.glob("*.db")}
    later = (directory / "manifest.json").stat().st_mtime + 1
    os.utime(root / folder_name(OLD) / "manifest.json", (later, later))
    assert rebuild(root, engine) == made
    assert {path.name: path.stat().st_ino for path in directory.glob("*.db")} == before


def test_what_a_new_data_plane_has_in_force_is_not_replaced(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was started with the new engine while this compiled."""
    root, engine = filled(harness, tmp_path), Engine()
    build = work.Building.take

    def take(self: work.Building) -> None:
        Cache(root, engine.version).store(NOTHING)
        build(self)

    monkeypatch.setattr(work.Building, "take", take)
    assert rebuild(root, engine) != {}
    assert Cache(root, engine.version).load() == NOTHING


def test_a_node_with_too_little_memory_is_told_so(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = filled(harness, tmp_path)
    monkeypatch.setattr(work, "available_mib", lambda: 1)
    with pytest.raises(RebuildError, match="1 MiB of memory are available"):
        rebuild(root, Engine())


def test_a_job_that_is_damaged_is_an_error(harness: Harness, tmp_path: Path) -> None:
    root = filled(harness, tmp_path)
    for path in (root / folder_name(OLD)).glob("*.job"):
        path.write_bytes(b"{}")
    assert main([str(root)]) != 0
    manifest = root / folder_name(Engine().version) / "manifest.json"
    assert not manifest.exists() or json.loads(manifest.read_text())["tiers"] == {}
