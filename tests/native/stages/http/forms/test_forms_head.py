"""What of a request's head is scanned: C and twin, and what an operator may rely on."""

from __future__ import annotations

import ctypes
import errno
import html
import posixpath
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.model.stages.http.forms.encodings import NAMES, WITHOUT_END
from dataplane.model.stages.http.forms.values import Form
from dataplane.native.abi import WafClass
from tests.native.stages.http.forms.forms_support import HEAD_TEXT_BYTES, Native, Request

SETTINGS = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BITS = [
    b"%", b"%2e", b"%2E", b"%2f", b"%25", b"%u002f", b"%uff1c", b"%c0%af", b"%00", b"%0a", b"2",
    b"5", b"c", b"e", b"+", b"&", b"=", b"/", b"..", b".", b"//", b";", b"\\", b"&lt;", b"&#60",
    b"&#x3c;", b"%26lt;", b"a", b"b" * 15, b"\xc0\xae", b"\xe0\x80\xaf", b"\xef\xbc\x9c", b"u",
    b"00", b"#", b"%23",
]  # fmt: skip
ENCODED = st.lists(st.sampled_from(BITS), max_size=14).map(b"".join)
HEADER_NAMES = st.sampled_from([b"Cookie", b"cookie", b"X-A", b"x-a", b"X_A", b"Accept", b"A"])
HEADERS = st.lists(st.tuples(HEADER_NAMES, ENCODED), max_size=8)
HOST = (b"Host", b"h")


@pytest.fixture(scope="module")
def native(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Native:
    return Native(library, tmp_path_factory.mktemp("forms"))


@SETTINGS
@given(path=ENCODED, query=st.none() | ENCODED, headers=HEADERS)
def test_c_and_twin_agree(
    native: Native, path: bytes, query: bytes | None, headers: list[tuple[bytes, bytes]]
) -> None:
    native.assert_head(Request(b"/" + path, query, headers))


@pytest.mark.parametrize("behind", [b"", b" ", b" \t "])
def test_a_head_without_encodings_is_scanned_once(native: Native, behind: bytes) -> None:
    headers = [HOST, (b"Cookie", b"a=b; c=d")]
    found = native.assert_head(Request(b"/a/b.html", b"x=1&y=2", headers, behind=behind))
    ends = b"\n" * (len(behind) + 2)
    assert found.text[Form.RAW] == (
        b"GET /a/b.html?x=1&y=2 HTTP/1.1\n\nHost: h" + ends + b"Cookie: a=b; c=d" + ends + b"\n\n"
        b"/a/b.html\nx=1\ny=2\na=b\n\nc=d\n"
    )
    assert found.text[Form.DECODED] == found.text[Form.FOLDED] == b""
    assert not found.faults


def test_each_class_has_pieces_of_its_own(native: Native) -> None:
    headers = [(b"X-A", b"%31"), (b"Cookie", b"a=%32; b=3"), (b"x-a", b"2")]
    found = native.assert_head(Request(b"/%70", b"q=a+b&r=1", headers))
    name = native.library.sb_waf_name(b"X-A", 3)
    cookie = native.library.sb_waf_name(b"cookie", 6)
    assert name != cookie
    assert found.pieces[Form.RAW] == [
        (WafClass.METHOD, 0, b"GET"),
        (WafClass.PATH, 0, b"/%70"),
        (WafClass.QUERY, 0, b"q=a+b&r=1"),
        (WafClass.QUERY, 0, b"q=a+b\nr=1"),
        (WafClass.HEADER, name, b"%31"),
        (WafClass.HEADER, name, b"2"),
        (WafClass.HEADER, name, b"%31, 2"),
        (WafClass.HEADER, cookie, b"a=%32; b=3"),
        (WafClass.COOKIE, 0, b"a=%32; b=3"),
        (WafClass.COOKIE, 0, b"a=%32\n\nb=3"),
    ]
    assert found.pieces[Form.DECODED] == [
        (WafClass.PATH, 0, b"/p"),
        (WafClass.QUERY, 0, b"q=a b"),
        (WafClass.HEADER, name, b"1"),
        (WafClass.HEADER, name, b"1, 2"),
        (WafClass.HEADER, cookie, b"a=2"),
        (WafClass.COOKIE, 0, b"a=2"),
    ]


@pytest.mark.parametrize("classes", [1 << one for one in WafClass if one != WafClass.CLASS_COUNT])
def test_pieces_are_made_of_classes_that_are_asked_for(native: Native, classes: int) -> None:
    headers = [(b"X-A", b"%31"), (b"Cookie", b"a=%32"), (b"X-A", b"2")]
    native.assert_head(Request(b"/%70", b"q=a+b&r=1", headers), classes)


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        (b"%2527", b"'"),
        (b"%25252527", b"'"),
        (b"%2%35%32%37", b"'"),
        (b"%u0027", b"'"),
        (b"%25u0027", b"'"),
        (b"%uff07", b"'"),
        (b"%c0%a7", b"'"),
        (b"%e0%80%a7", b"'"),
        (b"%f0%80%80%a7", b"'"),
        (b"%ef%bc%87", b"'"),
        (b"%26%2339;", b"'"),
        (b"%26%2339x", b"'x"),
        (b"%26%23x27;", b"'"),
        (b"%26%230000039;", b"'"),
        (b"%26apos;", b"'"),
        (b"%26amp;apos;", b"'"),
        (b"%2526%2523%2578%2532%2537;", b"'"),
        (b"%26percnt;27", b"'"),
        (b"%00'", b"'"),
        (b"'%0a", b"' "),
        (b"%2b'", b" '"),
    ],
)
def test_an_encoded_quote_is_a_quote(native: Native, sent: bytes, folded: bytes) -> None:
    found = native.assert_head(Request(query=b"id=1" + sent))
    assert found.text[Form.FOLDED] == b"id=1" + folded + b"\n"


def test_every_character_reference_is_undone(native: Native) -> None:
    for name, character in NAMES.items():
        sent = f"%26{name}"
        wanted = b"a=" + character.replace("\n", " ").replace("+", " ").encode()
        found = native.assert_head(Request(query=f"a={sent};".encode()))
        assert found.text[Form.FOLDED] == wanted + b"\n", name
        found = native.assert_head(Request(query=f"a={sent}".encode()))
        assert bool(found.text[Form.FOLDED]) == (name in WITHOUT_END), name


@SETTINGS
@given(st.lists(st.sampled_from([b"%41", b"%2", b"%", b"%zz", b"a", b"=" * 17])).map(b"".join))
def test_one_round_is_that_of_urllib(native: Native, value: bytes) -> None:
    decoded = unquote_to_bytes(value)
    found = native.assert_head(Request(query=value))
    assert found.text[Form.DECODED] == (decoded + b"\n" if decoded != value else b"")


@SETTINGS
@given(st.lists(st.sampled_from(["<", "&", "'", '"', ">", "a", "x" * 16]), max_size=9).map("".join))
def test_what_html_escapes_is_undone(native: Native, value: str) -> None:
    escaped = html.escape(value)
    found = native.assert_head(Request(headers=[(b"X", escaped.encode())]))
    if value != escaped:
        # Of what can be read as another reference, that is read too.
        assert found.text[Form.FOLDED].decode().rstrip("\n") in {value, html.unescape(value)}


@pytest.mark.parametrize(
    ("sent", "decoded", "folded"),
    [
        (b"/a/../b", [b"/b"], []),
        (b"/a//b", [b"/a/b"], []),
        (b"/a/./b/.", [b"/a/b/"], []),
        (b"/a/%2e%2e/b", [b"/a/../b", b"/b"], []),
        (b"/a%2f..%2fb", [b"/a/../b", b"/b"], []),
        (b"/a/%252e%252e/b", [b"/a/%2e%2e/b"], [b"/a/../b", b"/b"]),
        (b"/a/..;x=1/b", [], [b"/b"]),
        (b"/a;x/b;y", [], [b"/a/b"]),
        (b"/a%5c..%5cb", [rb"/a\..\b"], [b"/a/../b", b"/b"]),
        (b"/a/..%c0%afb", [b"/a/..\xc0\xafb"], [b"/a/../b", b"/b"]),
        (b"/.hidden/..x/...", [], []),
        (b"/a/..", [b"/"], []),
    ],
)
def test_a_path_is_scanned_as_servers_read_it(
    native: Native, sent: bytes, decoded: list[bytes], folded: list[bytes]
) -> None:
    found = native.assert_head(Request(sent))
    assert found.text[Form.DECODED] == b"".join(one + b"\n" for one in decoded)
    assert found.text[Form.FOLDED] == b"".join(one + b"\n" for one in folded)
    assert not found.faults


@SETTINGS
@given(st.lists(st.sampled_from(["a", "b.c", ".", "..", "", "..."]), max_size=9))
def test_a_resolved_path_is_that_of_posixpath(native: Native, segments: list[str]) -> None:
    sent = "/" + "/".join(segments)
    found = native.assert_head(Request(sent.encode()))
    resolved = (found.text[Form.DECODED].decode() or sent).rstrip("\n")
    assert posixpath.normpath("/" + resolved.strip("/")) == posixpath.normpath(
        "/" + sent.lstrip("/")
    )


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        (b"/..", {"path_root"}),
        (b"/a/../../b", {"path_root"}),
        (b"/%2e%2e/a", {"path_root"}),
        (b"/a//../../b", {"path_root"}),
        (b"/%", {"path_escape"}),
        (b"/%2", {"path_escape"}),
        (b"/%zz", {"path_escape"}),
        (b"/%u002f", {"path_escape"}),
        (b"/%2e%2e/%", {"path_root", "path_escape"}),
        (b"/%25", set()),
        (b"/a/..", set()),
    ],
)
def test_a_path_that_servers_refuse_or_read_differently_is_a_fault(
    native: Native, sent: bytes, faults: set[str]
) -> None:
    assert native.assert_head(Request(sent)).faults == faults


@pytest.mark.parametrize("target", [b"*", b""])
def test_a_target_without_a_path_is_none(native: Native, target: bytes) -> None:
    found = native.assert_head(Request(target, method=b"OPTIONS"))
    assert not found.faults
    assert not found.text[Form.DECODED]


def test_values_of_one_name_are_scanned_joined_too(native: Native) -> None:
    headers = [(b"X-A", b"se"), (b"Cookie", b"a=1"), (b"x-A", b"lect"), (b"cookie", b"b=%31")]
    found = native.assert_head(Request(headers=headers))
    assert found.text[Form.RAW].endswith(b"\nse, lect\na=1\nb=%31\na=1; b=%31\na=1\n\nb=%31\n")
    assert found.text[Form.DECODED] == b"b=1\nb=1\n"


def test_names_of_other_spelling_are_others(native: Native) -> None:
    found = native.assert_head(Request(headers=[(b"X-A", b"1"), (b"X_A", b"2"), (b"XA", b"3")]))
    assert found.text[Form.RAW].endswith(b"XA: 3\n\n\n\n/\n")


@pytest.mark.parametrize("name", [b"Cookie", b"X"])
def test_as_many_headers_as_there_can_be(native: Native, name: bytes) -> None:
    value = b"a=%41; " + b"b" * 200
    request = Request(b"/" + b"%41" * 2000, b"%41&" * 500, [(name, value)] * 100)
    found = native.assert_head(request)
    assert len(found.pieces[Form.DECODED]) == (204 if name == b"Cookie" else 103)


def test_one_line_of_nothing_but_encodings(native: Native) -> None:
    native.assert_head(Request(b"/" + b"/.." * 100 + b"%2e" * 900, b"%2525&" * 600))
    native.assert_head(Request(query=b"&#" * 2000 + b"&l" * 1000 + b"%" * 1900))


def test_texts_that_are_too_small_are_refused(native: Native) -> None:
    with native.values(1, HEAD_TEXT_BYTES) as values:
        assert native.run_head(values, Request()) == -errno.ENOSPC


def test_a_head_beyond_the_largest_is_refused(native: Native) -> None:
    with native.values(1) as values:
        assert native.run_head(values, Request(b"/" + b"a" * 32768)) == -errno.ENOSPC


def test_cookies_and_credentials_are_the_last_lines(native: Native) -> None:
    headers = [(b"authorization", b"Basic%20x"), (b"Cookie", b"a=%41"), (b"X-A", b"%42")]
    found = native.assert_head(Request(headers=headers))
    assert found.text[Form.RAW][found.secret[Form.RAW] :] == b"a=%41\n"
    assert found.text[Form.DECODED][found.secret[Form.DECODED] :] == b"Basic x\na=A\n"
