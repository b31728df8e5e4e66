"""Bodies of an import: text and NDJSON, and the first bad line refuses all."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.common.exchange import bodies
from api.lists import kinds, lines
from api.management.lists.importing import parse
from dataplane.statelog import StateLogReader
from tests.api.imports.imports_support import (
    listed,
    logged,
)

from ..conftest import Api


def test_text_with_comments_empty_lines_and_both_families(api: Api) -> None:
    body = "# feed\n192.0.2.1\n\n 10.0.0.0/8 # private\r\n2001:db8::/32\n::ffff:192.0.2.2\n"
    answer = api.bring(body, query="?reason=feed&duration_seconds=60")
    assert answer.status_code == 201
    assert answer.json == {
        "revision": 1,
        "state": "in_force",
        "lines": 4,
        "added": 4,
        "replaced": 0,
        "skipped": 0,
        "skipped_lines": [],
    }
    assert listed(api) == ["10.0.0.0/8", "192.0.2.1", "192.0.2.2", "2001:db8::/32"]
    entry = api.get("/blacklist/10.0.0.0/8").json
    assert (entry["reason"], entry["duration_seconds"], entry["revision"]) == ("feed", 60, 1)


def test_ndjson_lines_are_bodies_of_post_and_the_query_their_default(api: Api) -> None:
    lines = [
        {"ip": "192.0.2.1"},
        {"ip": "192.0.2.2", "reason": "own", "duration_seconds": 5},
        {"ip": "192.0.2.3", "duration_seconds": None},
    ]
    body = "\n".join(map(json.dumps, lines))
    answer = api.bring(
        body, query="?reason=feed&duration_seconds=60", content_type="application/x-ndjson"
    )
    assert answer.status_code == 201
    found = api.get("/blacklist").json["blacklist"]
    assert [(each["reason"], each["duration_seconds"]) for each in found] == [
        ("feed", 60),
        ("own", 5),
        ("feed", None),
    ]


def test_an_import_is_one_revision_one_audit_row_and_one_line(api: Api) -> None:
    audited = api.get("/audit").json["total"]
    api.bring("192.0.2.1\n192.0.2.2\n")
    ((revision, change),) = logged(api)
    assert (revision, change.count, change.skip) == (1, 2, ())
    reader = StateLogReader(api.settings.state_log)
    with reader.import_entries(change) as file:
        networks = [str(entry.network) for batch in file.chunks() for entry in batch]
    assert networks == ["192.0.2.1", "192.0.2.2"]
    assert api.get("/audit").json["total"] == audited + 1


@pytest.mark.parametrize(
    ("media_type", "body", "line"),
    [
        ("text/plain", "192.0.2.1\n192.0.2.0/23\n192.0.2.3/24\n", 3),
        ("text/plain", "192.0.2.1\n\n# x\nnonsense\n", 4),
        ("text/plain", "192.0.2.1, because\n", 1),
        ("text/plain", "1" * 5000, 1),
        ("text/plain", "192.0.2.1\n\xff\n", 2),
        ("application/x-ndjson", '{"ip":"192.0.2.1"}\n{"ip":\n', 2),
        ("application/x-ndjson", '{"ip":"192.0.2.1","duration_seconds":true}\n', 1),
        ("application/x-ndjson", '{"ip":"192.0.2.1","x":1}\n', 1),
        ("application/x-ndjson", "192.0.2.1\n", 1),
    ],
)
def test_a_bad_line_refuses_everything_and_is_named(
    api: Api, media_type: str, body: str, line: int
) -> None:
    answer = api.bring(body, content_type=media_type)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == f"line {line}"
    assert error["limit"]
    assert f"line {line}" in answer.json["detail"]
    assert api.get("/blacklist").json["total"] == 0
    assert logged(api) == []


def test_an_empty_import_changes_nothing(api: Api) -> None:
    answer = api.bring("# nothing\n")
    assert (answer.status_code, answer.json["revision"], answer.json["lines"]) == (200, None, 0)
    assert logged(api) == []


def test_one_line_more_than_the_limit_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINES_MAX", 3)
    body = "192.0.2.1\n192.0.2.2\n192.0.2.3\n"
    assert api.bring(body).status_code == 201
    answer = api.bring("198.51.100.0\n" + body)
    assert answer.status_code == 422
    assert "3 lines" in answer.json["errors"][0]["limit"]


def test_a_body_over_128_mib_is_413(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bodies.UPLOAD_BYTES_MAX == 128 * 1024 * 1024
    monkeypatch.setattr(bodies, "UPLOAD_BYTES_MAX", 100)
    assert api.bring("#" * 101).status_code == 413
    assert api.bring("#" * 100).status_code == 200
    assert list((api.settings.database.parent / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    "query", ["?on_conflict=take", "?duration_seconds=0", "?x=1", "?origin=Feed:x"]
)
def test_a_bad_query_is_422(api: Api, query: str) -> None:
    assert api.bring("192.0.2.1\n", query=query).status_code == 422


@given(st.binary(max_size=200), st.sampled_from([lines.TEXT, lines.NDJSON]))
def test_no_body_breaks_the_parser(data: bytes, media_type: str) -> None:
    try:
        found = list(lines.entries(io.BytesIO(data), media_type, lines.Defaults(None, None)))
    except lines.BadLineError as exc:
        assert 1 <= exc.line <= data.count(b"\n") + 1  # noqa: PT017 - or no error at all
    else:
        assert all(
            row.kind in (kinds.ADDRESS, kinds.PREFIX_IPV4, kinds.PREFIX_IPV6) for row in found
        )


def test_a_text_body_cut_anywhere_is_parsed_or_refused_by_line(tmp_path: Path) -> None:
    body = b"192.0.2.1\n2001:db8::/32 # c\n10.0.0.0/8\n"
    for cut in range(len(body) + 1):
        source, target = tmp_path / f"{cut}.txt", tmp_path / f"{cut}.db"
        source.write_bytes(body[:cut])
        try:
            count = parse.parse(source, lines.TEXT, lines.Defaults(None, None), target)
        except lines.BadLineError as exc:
            assert exc.line <= 3  # noqa: PT017 - or no error at all
        else:
            assert count <= 3
