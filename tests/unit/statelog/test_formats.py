"""What a line and a snapshot may hold, in today's format and in those before."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from uuid import UUID

import pytest

from dataplane.base.clock import Deadline
from dataplane.statelog import (
    Line,
    Overlay,
    SetDrain,
    SetOverlays,
    StateLogError,
    StateLogReader,
    StateLogWriter,
)
from tests.support.documents.old_state_log import make_format_2, make_format_3, make_format_4
from tests.unit.statelog.support import (
    CLOCK,
    DATABASE,
    ENTRIES,
    RULES,
    append_sealed,
    log_path,
    put,
    read_entries,
    read_lines,
    read_rules,
    snapshot_path,
    written,
)

UUID_TEXT = str(UUID(int=2)).encode()


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    return written(tmp_path)


def test_a_log_of_format_2_is_read_but_not_continued(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, ENTRIES, None)
    writer.append(11, [put("192.0.2.2")])
    make_format_2(tmp_path)
    assert len(read_entries(tmp_path)) == len(ENTRIES)
    assert read_rules(tmp_path) == []
    assert read_lines(tmp_path) == [Line(11, (put("192.0.2.2"),))]
    assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) is None


def test_a_log_of_format_3_is_read_but_not_continued(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, ENTRIES, None, RULES)
    writer.append(11, [put("192.0.2.2")])
    make_format_3(tmp_path)
    assert len(read_entries(tmp_path)) == len(ENTRIES)
    assert read_rules(tmp_path) == RULES
    assert read_lines(tmp_path) == [Line(11, (put("192.0.2.2"),))]
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.overlays == ()
    assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) is None


def test_a_log_of_format_4_is_read_but_not_continued(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, ENTRIES, None, RULES)
    writer.append(11, [put("192.0.2.2")])
    make_format_4(tmp_path)
    assert read_lines(tmp_path) == [Line(11, (put("192.0.2.2"),))]
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.drain is False
    assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) is None


def test_a_drain_comes_back_from_a_snapshot_and_from_a_line(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, [], None, drain=True)
    writer.append(11, [SetDrain(on=False)])
    writer.append(12, [SetDrain(on=True)])
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.drain is True
    assert read_lines(tmp_path) == [
        Line(11, (SetDrain(on=False),)),
        Line(12, (SetDrain(on=True),)),
    ]


def test_overlays_come_back_from_a_snapshot_and_from_a_line(tmp_path: Path) -> None:
    laid = (
        Overlay({"kind": "panic"}, Deadline(UUID(int=2), 5, 6, 7)),
        Overlay({"kind": "limit", "profile": "web", "value": 9}, Deadline.after(CLOCK, 60)),
    )
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, [], None, overlays=laid)
    writer.append(11, [SetOverlays(laid[:1])])
    writer.append(12, [SetOverlays(())])
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.overlays == laid
    assert read_lines(tmp_path) == [
        Line(11, (SetOverlays(laid[:1]),)),
        Line(12, (SetOverlays(()),)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"revision":16,"boots":[],"changes":[["overlays"]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",{}]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[]]]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"no",1,2,3]]]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"%s",1,2]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["overlays",[["","%s",1,2,3]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"%s",1,-2,3]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["rule"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule",0,"x"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule","1","x"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule",1,"' + b"x" * (1 << 16) + b'"]]}',
        b'{"revision":16,"boots":[],"changes":[["unrule","1"]]}',
        b'{"revision":16,"boots":[],"changes":[["unrule",1,2]]}',
    ],
    ids=lambda line: line[36:60].decode(),
)
def test_a_rule_without_a_number_or_too_long_for_its_line_is_refused(
    writer: StateLogWriter, tmp_path: Path, line: bytes
) -> None:
    append_sealed(log_path(tmp_path), line)
    with StateLogReader(tmp_path).log(1) as log:
        log.lines()
        with pytest.raises(StateLogError):
            log.lines()


def test_fifty_thousand_rules_are_written_and_read_a_chunk_at_a_time(tmp_path: Path) -> None:
    count = 50_000
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    rules = ([number, f"pattern of rule {number} " * 20, "block"] for number in range(1, count + 1))
    tracemalloc.start()
    try:
        writer.snapshot(DATABASE, 1, ENTRIES, None, rules)
        with StateLogReader(tmp_path).snapshot(1) as snapshot:
            numbers = (row[0] for chunk in snapshot.rule_chunks() for row in chunk)
            assert sum(numbers) == count * (count + 1) // 2
            assert (snapshot.count, snapshot.rule_count) == (count + len(ENTRIES), count)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert snapshot_path(tmp_path).stat().st_size > 20 << 20
    assert peak < 4 << 20
