"""Into how many databases rules are compiled, by the memory that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.waf.compiling import work
from dataplane.waf.compiling.building import (
    PART_RULES_MIN,
    PARTS_MAX,
    needed_mib,
    parts_for,
    parts_max,
)
from dataplane.waf.compiling.work import Building
from dataplane.waf.document import RULES_MAX
from dataplane.waf.exchange.job import JobWriter, Member


@pytest.mark.parametrize("parts", range(1, PARTS_MAX + 1))
def test_rules_are_taken_apart_no_further_than_memory_asks_for(parts: int) -> None:
    assert parts_for(RULES_MAX, needed_mib(RULES_MAX, parts)) == parts
    smaller = parts + 1 if parts < PARTS_MAX else 0
    assert parts_for(RULES_MAX, needed_mib(RULES_MAX, parts) - 1) == smaller


def test_few_rules_are_one_database_or_none() -> None:
    count = 2 * PART_RULES_MIN - 1
    assert parts_max(count) == 1
    assert parts_for(count, needed_mib(count, 1)) == 1
    assert parts_for(count, needed_mib(count, 1) - 1) == 0


def test_too_little_memory_is_refused_with_both_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "available_mib", lambda: 10)
    writer = JobWriter(tmp_path)
    for _ in writer.write([Member(1, 1, "evil", ("any",))], 1):
        pass
    building = Building(None, tmp_path, writer.name, "main")  # type: ignore[arg-type]
    assert building.start() is None
    answer = building.answer()
    assert answer["memory"]
    needed = needed_mib(1, 1)
    text = f"10 MiB of memory are available, compiling 1 rules takes {needed}"
    assert answer["failed"] == text
