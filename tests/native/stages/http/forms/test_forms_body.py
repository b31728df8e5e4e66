"""What of a request's body is scanned: C and twin, and what an operator may rely on."""

from __future__ import annotations

import ctypes
import errno
import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.model.stages.http.forms.bodies import Body, Kind
from dataplane.model.stages.http.forms.values import Form
from dataplane.native.abi import WafClass
from tests.native.stages.http.forms.forms_support import HEAD_TEXT_BYTES, Native

LIMIT = 1 << 20
SETTINGS = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BOUNDARY = b"x-7"
FIELD = b'Content-Disposition: form-data; name="a"\r\n'
BITS = [
    b"%", b"%3c", b"%253c", b"%u003c", b"%0a", b"+", b"&", b"=", b"\n", b"\r\n", b"\0", b'"', b"\\",
    b'\\"', b"\\n", b"\\u003c", b"\\ud83d\\ude00", b"\\ud83d", b"\\/", b"{", b"[", b"}", b":", b",",
    b"<", b" ", b"a", b"b" * 17, b"&lt;", b"&#x3c;", b"\xc0\xae", b"\xef\xbb\xbf", b"\xff\xfe",
    b"--x-7", b"--x-7--", b"\r\n--x-7\r\n", b"\r\n--x-7--\r\n", b"\n--x-7\n", b"--", b"\r\n\r\n",
    FIELD, b'content-disposition: form-data; name=a; filename="b%22"\r\n', b"; filename*=x", b"\t",
    b"Content-Transfer-Encoding: 8BIT\r\n", b"Content-Transfer-Encoding: base64\r\n", b"X: y\r\n",
]  # fmt: skip
CONTENT = st.lists(st.sampled_from(BITS), max_size=24).map(b"".join)
TRAILERS = st.lists(
    st.tuples(st.sampled_from([b"X-Sum", b"Cookie"]), st.sampled_from([b"1", b"%31", b"a=%32; b"])),
    max_size=2,
)


@pytest.fixture(scope="module")
def native(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Native:
    return Native(library, tmp_path_factory.mktemp("forms"), LIMIT)


def parts(*contents: bytes, head: bytes = FIELD) -> bytes:
    made = b"".join(b"--x-7\r\n" + head + b"\r\n" + one + b"\r\n" for one in contents)
    return made + b"--x-7--\r\n"


def multipart(content: bytes, *, is_whole: bool = True) -> Body:
    return Body(content, Kind.MULTIPART, BOUNDARY, is_whole=is_whole)


# --- C and twin -----------------------------------------------------------------------------------


@SETTINGS
@given(content=CONTENT, kind=st.sampled_from(Kind), trailers=TRAILERS, is_whole=st.booleans())
def test_c_and_twin_agree(
    native: Native,
    content: bytes,
    kind: Kind,
    trailers: list[tuple[bytes, bytes]],
    is_whole: bool,
) -> None:
    native.assert_body(Body(content, kind, BOUNDARY, trailers, is_whole))


@SETTINGS
@given(content=CONTENT, is_whole=st.booleans())
def test_c_and_twin_agree_on_parts(native: Native, content: bytes, is_whole: bool) -> None:
    native.assert_body(multipart(parts(content), is_whole=is_whole))


@pytest.mark.parametrize("kind", Kind)
def test_a_body_cut_at_every_byte(native: Native, kind: Kind) -> None:
    content = parts(b'{"a": "\\u003c%3c"}', b"a=%253c&b=&lt;\r\n") + b"<%c0%bc"
    for size in range(len(content)):
        native.assert_body(Body(content[:size], kind, BOUNDARY, is_whole=False))


# --- by kind --------------------------------------------------------------------------------------


def test_arguments_are_lines_decoded_as_applications_do(native: Native) -> None:
    pairs = [("q", "a b&c"), ("r", "<é>"), ("s", "plain")]
    found = native.assert_body(Body(urlencode(pairs).encode(), Kind.URLENCODED))
    assert parse_qsl(found.text[Form.DECODED].decode(), separator="\n") == pairs
    assert found.pieces[Form.DECODED] == [(WafClass.BODY, 0, found.text[Form.DECODED][:-1])]


@SETTINGS
@given(st.text(st.sampled_from('<"\\/\n\té😀\u2028a\x01'), min_size=1))
def test_escapes_of_json_strings_are_undone(native: Native, value: str) -> None:
    content = json.dumps({"key": value}).encode()
    found = native.assert_body(Body(content, Kind.JSON))
    assert found.text[Form.DECODED] == b"key\n" + value.encode() + b"\n"


def test_what_only_structures_json_is_no_line(native: Native) -> None:
    found = native.assert_body(Body(b'{ "a" : [ 1,\r\n\t"b" ] }', Kind.JSON))
    assert found.text[Form.DECODED] == b"a\n : [ 1,\r\n\t\nb\n"


def test_a_lone_quote_hides_no_escape(native: Native) -> None:
    content = b'/* " */ {"a": "\\u003cscript"}'
    assert b"<script\n" in native.assert_body(Body(content, Kind.JSON)).text[Form.DECODED]


@pytest.mark.parametrize("kind", [Kind.NONE, Kind.OTHER])
@pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_json_of_another_type_is_json(native: Native, kind: Kind, before: bytes) -> None:
    for content in (b'{"a": "\\u003c"}', b'["\\u003c"]'):
        found = native.assert_body(Body(before + content, kind))
        assert b"\n<\n" in b"\n" + found.text[Form.DECODED]


def test_references_in_xml_are_undone(native: Native) -> None:
    found = native.assert_body(Body(b"<a>&#x75;nion select</a>", Kind.OTHER))
    assert found.text[Form.FOLDED] == b"<a>union select</a>\n"


def test_anything_else_is_scanned_as_it_is(native: Native) -> None:
    content = b"\x89PNG %41 &lt; \\u003c"
    found = native.assert_body(Body(content, Kind.OTHER))
    assert found.text == {Form.RAW: content, Form.DECODED: b"", Form.FOLDED: b""}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_json_in_other_encodings_than_utf8_is_a_fault(native: Native, encoding: str) -> None:
    found = native.assert_body(Body('{"a": 1}'.encode(encoding), Kind.JSON))
    assert found.faults == {"body_charset"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_so_is_xml(native: Native, encoding: str) -> None:
    found = native.assert_body(Body("<a/>".encode(encoding), Kind.OTHER))
    assert found.faults == {"body_charset"}


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe\x01\x02", b"\0\0"])
def test_what_is_neither_is_none(native: Native, content: bytes) -> None:
    assert not native.assert_body(Body(content, Kind.OTHER)).faults


def test_trailers_are_scanned_as_headers(native: Native) -> None:
    found = native.assert_body(Body(b"x", trailers=[(b"X-A", b"%31")]))
    name = native.library.sb_waf_name(b"x-a", 3)
    assert found.text[Form.RAW] == b"x\n%31\n"
    assert found.pieces[Form.DECODED] == [(WafClass.HEADER, name, b"1")]


# --- multipart ------------------------------------------------------------------------------------


def test_a_field_is_folded_to_one_line(native: Native) -> None:
    found = native.assert_body(multipart(parts(b"a%3cb\r\nc")))
    assert found.text[Form.DECODED] == b"a%3cb\r\nc\n"
    assert found.text[Form.FOLDED] == b"a<b\r c\n"
    assert not found.faults


def test_names_are_decoded(native: Native) -> None:
    head = b'Content-Disposition: form-data; name="f"; filename="a%22%3e.php"\r\n'
    found = native.assert_body(multipart(parts(b"%3c", head=head)))
    assert b'filename="a">.php"' in found.text[Form.DECODED]


def test_a_file_is_scanned_as_it_is(native: Native) -> None:
    head = b"Content-Disposition: form-data; name=f; filename*=UTF-8''a\r\n"
    found = native.assert_body(multipart(parts(b"%3c &lt;", head=head)))
    assert not found.text[Form.FOLDED]


def test_a_field_called_filename_is_no_file(native: Native) -> None:
    head = b'Content-Disposition: form-data; name="filename"\r\n'
    found = native.assert_body(multipart(parts(b"%3c", head=head)))
    assert found.text[Form.FOLDED] == b"<\n"


def test_json_in_a_part_is_json(native: Native) -> None:
    found = native.assert_body(multipart(parts(b'{"a": "\\u003c"}')))
    assert found.text[Form.DECODED] == b"a\n<\n"


SYNTAX = "multipart_syntax"
BROKEN = {
    "text before": (b"x\r\n" + parts(b"a"), SYNTAX),
    "text behind": (parts(b"a") + b"x", SYNTAX),
    "line end of the delimiter": (parts(b"a").replace(b"--x-7\r\n", b"--x-7\n"), SYNTAX),
    "line end before the delimiter": (parts(b"a").replace(b"a\r\n", b"a\n"), SYNTAX),
    "line end of a header": (parts(b"a", head=FIELD.replace(b"\r", b"")), SYNTAX),
    "blanks behind the delimiter": (parts(b"a").replace(b"7\r\n", b"7 \r\n", 1), SYNTAX),
    "longer delimiter": (parts(b"a\r\n--x-77"), SYNTAX),
    "folded header": (parts(b"a", head=FIELD + b" x: y\r\n"), SYNTAX),
    "header without colon": (parts(b"a", head=FIELD + b"x\r\n"), SYNTAX),
    "two dispositions": (parts(b"a", head=FIELD * 2), SYNTAX),
    "many headers": (parts(b"a", head=b"X: y\r\n" * 17), SYNTAX),
    "no end": (parts(b"a")[: -len(b"--x-7--\r\n")], "multipart_end"),
    "end of another": (parts(b"a").replace(b"7--", b"8--"), "multipart_end"),
    "no part": (b"a", "multipart_end"),
    "nothing": (b"", "multipart_end"),
    "blank before the colon": (parts(b"a", head=FIELD.replace(b":", b" :")), SYNTAX),
    "base64": (
        parts(b"a", head=FIELD + b"content-transfer-encoding:base64\r\n"),
        "multipart_encoding",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_parts_that_servers_read_differently_are_a_fault(native: Native, name: str) -> None:
    content, fault = BROKEN[name]
    assert fault in native.assert_body(multipart(content)).faults


@pytest.mark.parametrize("encoding", [b"7bit", b"8Bit", b" binary "])
def test_an_encoding_that_changes_nothing_is_none(native: Native, encoding: bytes) -> None:
    head = FIELD + b"Content-Transfer-Encoding:" + encoding + b"\r\n"
    assert not native.assert_body(multipart(parts(b"a", b"", head=head))).faults


def test_headers_up_to_their_limit_are_none(native: Native) -> None:
    assert not native.assert_body(multipart(parts(b"a", head=b"X: y\r\n" * 16))).faults


def test_a_body_that_is_inspected_in_part_lacks_no_end(native: Native) -> None:
    content = parts(b"a", b"b")
    for size in range(len(content)):
        assert not native.assert_body(multipart(content[:size], is_whole=False)).faults


@pytest.mark.parametrize("boundary", [b"", b"x" * 71])
def test_a_boundary_that_was_refused_makes_no_parts(native: Native, boundary: bytes) -> None:
    found = native.assert_body(Body(parts(b"%3c"), Kind.MULTIPART, boundary))
    assert not found.text[Form.FOLDED]


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "bit", [b"%", b"&", b'\\"', b'"', b"\n", b"--x-7\r\n", b"%2B&", b"\xc0\xa6#1"]
)
def test_the_largest_body_of_one_thing(native: Native, kind: Kind, bit: bytes) -> None:
    content = (b"[" + bit * LIMIT)[:LIMIT]
    assert native.body(Body(content, kind, BOUNDARY)).text[Form.RAW] == content


def test_texts_that_are_too_small_are_refused(native: Native) -> None:
    with native.values(1, HEAD_TEXT_BYTES + 1) as values:
        assert native.run_body(values, Body(b"a")) == -errno.ENOSPC
        assert native.run_body(values, Body(b"")) == 0


def test_a_body_beyond_the_largest_is_refused(native: Native) -> None:
    with native.values(1, HEAD_TEXT_BYTES + LIMIT + 2) as values:
        assert native.run_body(values, Body(b"a" * (LIMIT + 1))) == -errno.ENOSPC
