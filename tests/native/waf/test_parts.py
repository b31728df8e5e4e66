"""A main tier in several databases: every rule is in one of them, and all are in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.native.abi import WafClass
from dataplane.waf.compiling.building import PARTS_MAX, build
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.document import Rule
from dataplane.waf.exchange.cache import Cache, Cached, CachedTier
from dataplane.waf.exchange.job import JobWriter, Member
from tests.native.harness import Harness
from tests.native.waf.rules.node import Node

TEXTS = [f"evil{number}" for number in range(10)]


@pytest.mark.parametrize("parts", range(1, PARTS_MAX + 1))
def test_rules_in_parts_are_all_in_force(harness: Harness, tmp_path: Path, parts: int) -> None:
    engine = Engine()
    cache = Cache(tmp_path / "cache", engine.version)
    writer = JobWriter(cache.directory)
    members = [Member(slot, slot + 1, text, ("any", "path")) for slot, text in enumerate(TEXTS)]
    for _ in writer.write(members, len(members)):
        pass
    found = build(engine, cache.directory, writer.name, parts)
    files = tuple((target, file) for target, file, _ in found["files"])
    assert len(set(files)) == 2 * parts
    cache.store(Cached({"main": CachedTier(writer.name, files)}, frozenset()))
    node = Node(harness, tmp_path, has_helper=False)
    rules = [Rule(one.number, one.pattern, targets=one.targets) for one in members]
    node.rules.put(rules, 1)
    node.rules.start()
    assert node.rules.pending_count == 0
    for target in (WafClass.ANY, WafClass.PATH):
        numbers = [node.hits(text.encode(), target) for text in TEXTS]
        assert numbers == [[one.number] for one in members]
    node.close()


def test_a_pattern_that_is_refused_in_one_part_leaves_the_others(tmp_path: Path) -> None:
    engine = Engine()
    writer = JobWriter(tmp_path)
    members = [Member(slot, slot + 1, text, ("any",)) for slot, text in enumerate(("a(?=b)", "ok"))]
    for _ in writer.write(members, len(members)):
        pass
    found = build(engine, tmp_path, writer.name, 2)
    assert [slot for slot, _ in found["refused"]] == [0]
    assert len(found["files"]) == 1
