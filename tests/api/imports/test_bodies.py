"""Bodies of an import: text and NDJSON, and what becomes of bad lines."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.common.bad_lines import BadLinesError
from api.common.exchange import bodies
from api.lists import kinds, lines
from api.management.lists.importing import parse
from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.list_file import read_list_file
from dataplane.base.networks import Network
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
        "networks": 4,
        "added": 4,
        "replaced": 0,
        "skipped": 0,
        "skipped_lines": [],
        "refused": 0,
        "refused_lines": [],
        "warnings": [],
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


LARGE = "# more than is parsed in the API's own process\n" * 2000


@pytest.mark.parametrize("before", ["", LARGE], ids=["small", "large"])
def test_every_bad_line_is_named(api: Api, before: str) -> None:
    first = before.count("\n")
    answer = api.bring(before + "192.0.2.1\nbad one\n192.0.2.2\nworse\n2001:db8::/12\n")
    assert answer.status_code == 422
    assert [(each["field"], each["value"]) for each in answer.json["errors"]] == [
        (f"line {first + 2}", "bad one"),
        (f"line {first + 4}", "worse"),
        (f"line {first + 5}", "2001:db8::/12"),
    ]
    assert api.get("/blacklist").json["total"] == 0


@pytest.mark.parametrize("before", ["", LARGE], ids=["small", "large"])
def test_bad_lines_may_be_left_out_and_are_listed(api: Api, before: str) -> None:
    body = before + "192.0.2.1\nbad one\n192.0.2.2\n0.0.0.0/0\n"
    answer = api.bring(body, query="?on_error=skip")
    assert answer.status_code == 201
    first = before.count("\n")
    assert answer.json["refused_lines"] == [
        {
            "line": first + 2,
            "value": "bad one",
            "why": "'bad one' is not an IP address or prefix",
        },
        {
            "line": first + 4,
            "value": "0.0.0.0/0",
            "why": "0.0.0.0/0 is every IPv4 address; it takes force",
        },
    ]
    counts = {"lines": 4, "networks": 2, "added": 2, "skipped": 0, "refused": 2}
    assert counts.items() <= answer.json.items()
    assert listed(api) == ["192.0.2.1", "192.0.2.2"]


def test_a_hundred_bad_lines_are_named_and_the_others_counted(api: Api) -> None:
    answer = api.bring("192.0.2.1\n" + "x\n" * 150)
    assert len(answer.json["errors"]) == 100
    assert answer.json["detail"] == "150 mistakes, of which the first 100 are named"
    found = api.bring("192.0.2.1\n" + "x\n" * 150, query="?on_error=skip").json
    assert (found["refused"], len(found["refused_lines"])) == (150, 100)


def test_a_body_of_bad_lines_alone_changes_nothing(api: Api) -> None:
    answer = api.bring("x\ny\n", query="?on_error=skip")
    assert (answer.status_code, answer.json["revision"], answer.json["refused"]) == (200, None, 2)
    assert logged(api) == []


def test_a_line_that_is_too_long_is_one_bad_line(api: Api) -> None:
    answer = api.bring("9" * 20_000 + "\n192.0.2.1\n", query="?on_error=skip")
    assert [each["line"] for each in answer.json["refused_lines"]] == [1]
    assert listed(api) == ["192.0.2.1"]


LONG = [
    b"192.0.2.1 # " + b"x" * 10_000,
    b"192.0.2.1" + b" " * 4087 + b"#" + b"x" * 200_000,
    b"192.0.2.1" + b" " * 4088 + b"# too long",
    b";" + b"x" * 5000,
    b"192.0.2.1" + b" " * 10_000 + b"junk",
    b"#" * 200_000,
]


@pytest.mark.parametrize("line", LONG)
@pytest.mark.parametrize("offset", [0, 100, 61_440, 65_530, 65_535])
def test_a_long_line_means_the_same_to_an_import_and_to_a_list_file(
    line: bytes, offset: int, tmp_path: Path
) -> None:
    before = b"#" * (offset - 1) + b"\n" if offset else b""
    content = before + line + b"\n192.0.2.2"
    found = lines.Lines(io.BytesIO(content), lines.TEXT, lines.Defaults(None, None))
    keys = [row.key for row in found]
    (tmp_path / "list").write_bytes(content)
    read, errors = list[bytes](), list[InvalidInputError]()
    try:
        for network in read_list_file(tmp_path / "list"):
            read.append(network.key)
    except InvalidInputsError as error:
        errors += error.each
    assert (keys, found.found.refused) == (read, len(errors))
    assert all(f"line {1 + bool(offset)}: is too long" in str(each) for each in errors)
    assert read[-1] == Network.parse("192.0.2.2").key


def test_semicolons_begin_comments_and_a_signature_is_nothing(api: Api) -> None:
    mark = "\ufeff"
    api.bring(f"{mark}; a list\r\n192.0.2.0/25 ; SBL1\r\n{mark}198.51.100.0/26;x\r\n")
    assert listed(api) == ["192.0.2.0/25", "198.51.100.0/26"]


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("192.0.2.0-192.0.2.255", ["192.0.2.0/24"]),
        ("192.0.2.1 - 192.0.2.6", ["192.0.2.1", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6"]),
        ("192.0.2.9-192.0.2.9", ["192.0.2.9"]),
        ("2001:db8::-2001:db8::1:ffff", ["2001:db8::/111"]),
        ("::ffff:192.0.2.0-192.0.2.1", ["192.0.2.0/31"]),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_range_is_the_prefixes_that_cover_it(
    api: Api, text: str, prefixes: list[str], as_json: bool
) -> None:
    body = json.dumps({"ip": text, "reason": "r"}) if as_json else text
    kind = lines.NDJSON if as_json else lines.TEXT
    answer = api.bring(f"192.0.2.100\n{body}\n"[12 * as_json :], content_type=kind)
    assert (answer.status_code, answer.json["networks"]) == (201, len(prefixes) + (not as_json))
    assert set(prefixes) <= set(listed(api))


@pytest.mark.parametrize(
    "text", ["192.0.2.9-192.0.2.1", "192.0.2.1-", "192.0.2.0/24-192.0.3.0", "192.0.2.1-2001:db8::1"]
)
def test_what_is_no_range_is_a_bad_line(api: Api, text: str) -> None:
    (error,) = api.bring(text).json["errors"]
    assert (error["field"], error["value"]) == ("line 1", text)
    assert "two addresses of one family" in error["limit"]


def test_a_range_that_repeats_a_part_of_an_earlier_line_is_a_conflict_of_that_part(
    api: Api,
) -> None:
    body = "192.0.2.4/31\n192.0.2.4-192.0.2.6\n"
    assert api.bring(body).status_code == 409
    answer = api.bring(body, query="?on_conflict=skip").json
    assert (answer["added"], answer["skipped"]) == (2, 1)
    assert answer["skipped_lines"][0]["why"] == "repeats line 1"


def test_lines_of_a_feed_have_cidr_and_fields_of_their_own(api: Api) -> None:
    body = (
        '{"cidr":"192.0.2.0/25","sblid":"SBL1","rir":"ripencc"}\n'
        '{"cidr":"198.51.100.0/26","duration_seconds":60,"note":"ip"}\n'
        '{"type":"metadata","timestamp":1764374400,"size":120,"records":2}\n'
    )
    answer = api.bring("\ufeff" + body, content_type=lines.NDJSON)
    assert (answer.status_code, answer.json["lines"]) == (201, 2)
    found = api.get("/blacklist").json["blacklist"]
    assert [(each["ip"], each["duration_seconds"]) for each in found] == [
        ("192.0.2.0/25", None),
        ("198.51.100.0/26", 60),
    ]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ('"cidr":"192.0.2.0/25","reason":7', "reason"),
        ('"cidr":"192.0.2.0/25","duration_seconds":0', "duration_seconds"),
        ('"cidr":"192.0.2.0/25","ip":"192.0.2.0/25"', "cidr"),
        ('"ip":"192.0.2.0/25","origin":"feed:drop"', "origin"),
    ],
)
def test_fields_that_are_read_are_checked(api: Api, fields: str, named: str) -> None:
    answer = api.bring(f"{{{fields}}}\n", content_type=lines.NDJSON)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["message"].startswith(f"line 1: {named}: ")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ('"ip":"192.0.2.1","ip":"192.0.2.2"', "ip"),
        ('"ip":"192.0.2.1","\\u0069p":"192.0.2.2"', "ip"),
        ('"ip":"192.0.2.1","reason":"a","reason":null', "reason"),
        ('"ip":7,"ip":"192.0.2.2","other":1', "ip"),
        ('"ip":"192.0.2.1","duration_seconds":60,"duration_seconds":90', "duration_seconds"),
        ('"cidr":"192.0.2.0/25","cidr":"198.51.100.0/25","rir":"x"', "cidr"),
    ],
)
def test_a_name_that_is_there_twice_is_named(api: Api, fields: str, named: str) -> None:
    (error,) = api.bring(f"{{{fields}}}\n", content_type=lines.NDJSON).json["errors"]
    assert error["message"].startswith(f"line 1: {named}: occurs more than once")


def test_quotation_marks_in_a_reason_are_no_names(api: Api) -> None:
    body = '{"ip":"192.0.2.1","reason":"\\"ip\\":","duration_seconds":null}\n'
    assert api.bring(body, content_type=lines.NDJSON).status_code == 201


def test_a_line_of_a_feed_has_a_reason_and_no_origin_of_its_own(api: Api) -> None:
    body = '{"cidr":"192.0.2.0/25","reason":"SBL1","origin":"feed:drop"}\n'
    assert api.bring(body, content_type=lines.NDJSON).status_code == 201
    (found,) = api.get("/blacklist").json["blacklist"]
    assert (found["reason"], found["origin"]) == ("SBL1", "manual")


def test_a_line_without_an_address_says_what_was_expected_and_found(api: Api) -> None:
    (error,) = api.bring('{"net":"192.0.2.1","id":1}\n', content_type=lines.NDJSON).json["errors"]
    assert error["message"] == "line 1: has neither ip nor cidr; its fields are id, net"


def test_short_prefixes_of_an_import_are_warned_of_and_all_addresses_need_force(api: Api) -> None:
    body = "192.0.2.1\n10.0.0.0/7\n::/0\n"
    assert api.bring(body).json["errors"][0]["field"] == "line 3"
    answer = api.bring(body, query="?force=true")
    assert answer.status_code == 201
    assert [each.partition(" is")[0] for each in answer.json["warnings"]] == [
        "line 2: 10.0.0.0/7",
        "line 3: ::/0",
    ]


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
        body = lines.Lines(io.BytesIO(data), media_type, lines.Defaults(None, None))
        found = list(body)
        body.refuse()
    except BadLinesError as exc:
        assert all(1 <= each.line <= data.count(b"\n") + 1 for each in exc.lines)  # noqa: PT017
    assert all(row.kind in (kinds.ADDRESS, kinds.PREFIX_IPV4, kinds.PREFIX_IPV6) for row in found)


def test_a_text_body_cut_anywhere_is_parsed_or_refused_by_line(tmp_path: Path) -> None:
    body = b"192.0.2.1\n2001:db8::/32 # c\n10.0.0.0/8\n"
    for cut in range(len(body) + 1):
        source, target = tmp_path / f"{cut}.txt", tmp_path / f"{cut}.db"
        source.write_bytes(body[:cut])
        try:
            how = parse.Parsing(lines.TEXT, lines.Defaults(None, None))
            found = parse.parse(source, target, how)
        except BadLinesError as exc:
            assert all(each.line <= 3 for each in exc.lines)  # noqa: PT017 - or no error at all
        else:
            assert found.networks <= 3
