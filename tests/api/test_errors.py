"""What is wrong is said in one form, with the right status, and nothing else gets out."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from .conftest import ADMIN_KEY, Api

PROBLEM = "application/problem+json"


def check(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.data
    assert answer.content_type == PROBLEM
    body: dict[str, Any] = answer.json
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in answer.text
    return body


@pytest.mark.parametrize("path", ["nope", "blacklists/192.0.2.1", "n" * 500])
def test_an_unknown_path_is_named(api: Api, path: str) -> None:
    detail = check(api.get(f"/{path}?a=b"), 404)["detail"]
    shown = f"/api/v1/{path}"
    shown = shown if len(shown) <= 200 else shown[:200] + "..."
    assert detail == f"GET {shown}: no such path"


@pytest.mark.parametrize("body", ["", "{", "nonsense", '{"ip": "192.0.2.1"', '{"ip":"\\ud800"}'])
def test_what_is_not_json_is_400(api: Api, body: str) -> None:
    check(api.call("POST", "/blacklist", data=body, content_type="application/json"), 400)


def test_what_is_not_utf8_is_400(api: Api) -> None:
    body = b'{"ip": "192.0.2.1", "reason": "\xff"}'
    check(api.call("POST", "/blacklist", data=body, content_type="application/json"), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("192.0.2.1", "body"),
        (None, "body"),
        ({}, "ip"),
        ({"ip": None}, "ip"),
        ({"ip": 1}, "ip"),
        ({"ip": True}, "ip"),
        ({"ip": ["192.0.2.1"]}, "ip"),
        ({"ip": ""}, "ip"),
        ({"ip": "192.0.2.01"}, "ip"),
        ({"ip": "fe80::1%eth0"}, "ip"),
        ({"ip": "192.0.2.0/33"}, "ip"),
        ({"ip": "1" * 100}, "ip"),
        ({"ip": "192.0.2.1", "duration_seconds": True}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": "5"}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": 5.5}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": 0}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": -1}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": 315_360_001}, "duration_seconds"),
        ({"ip": "192.0.2.1", "duration_seconds": 10**30}, "duration_seconds"),
        ({"ip": "192.0.2.1", "reason": 7}, "reason"),
        ({"ip": "192.0.2.1", "reason": "x" * 257}, "reason"),
        ({"ip": "192.0.2.1", "reason": "line\nline"}, "reason"),
        ({"ip": "192.0.2.1", "reason": "\x1b[31m"}, "reason"),
        ({"ip": "192.0.2.1", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_type_value_or_field_is_422_and_named(api: Api, body: Any, field: str) -> None:
    answer = api.call("POST", "/blacklist", data=json.dumps(body), content_type="application/json")
    errors = check(answer, 422)["errors"]
    assert errors[0]["field"] == field
    assert errors[0]["limit"]
    assert api.get("/blacklist").json["total"] == 0


def test_every_wrong_field_is_named_with_what_was_sent(api: Api) -> None:
    errors = check(api.post("/blacklist", {"ip": "x", "duration_seconds": True}), 422)["errors"]
    assert [(each["field"], each["value"]) for each in errors] == [
        ("ip", "x"),
        ("duration_seconds", True),
    ]


@pytest.mark.parametrize(
    ("body", "field", "meant"),
    [
        ({"ip": "192.0.2.1", "resaon": "x"}, "resaon", "reason"),
        (
            {"entries": [{"ip": "192.0.2.1", "duration_second": 5}]},
            "entries.0.duration_second",
            "duration_seconds",
        ),
    ],
)
def test_the_nearest_known_field_is_named(api: Api, body: Any, field: str, meant: str) -> None:
    (error,) = check(api.post("/blacklist", body), 422)["errors"]
    assert (error["field"], error["limit"]) == (field, f"no such field; did you mean {meant!r}?")


def test_a_signature_of_utf_8_before_json_is_nothing(api: Api) -> None:
    body = b'\xef\xbb\xbf{"ip": "192.0.2.1"}'
    answer = api.call("POST", "/blacklist", data=body, content_type="application/json")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "text", "field"),
    [
        ("POST", "/blacklist", '{"ip": "192.0.2.55", "ip": "192.0.2.56"}', "ip"),
        ("PUT", "/policy?dry_run=true", '{"name": "x", "rules": [], "rules": []}', "rules"),
        (
            "PUT",
            "/policy",
            '{"name": "x", "rules": [{"type": "sanity", "action": "off", "action": "enforce"}]}',
            "rules[0].action",
        ),
    ],
)
def test_a_name_that_is_there_twice_is_422_and_named(
    api: Api, method: str, path: str, text: str, field: str
) -> None:
    answer = api.call(method, path, data=text, content_type="application/json")
    (error,) = check(answer, 422)["errors"]
    assert (error["field"], error["limit"]) == (field, "each name once in an object")
    assert api.get("/blacklist").json["total"] == 0


def test_signatures_at_the_start_of_lines_of_json_are_nothing(api: Api) -> None:
    body = '\ufeff{\n\ufeff"ip": "192.0.2.1"\n\ufeff}'.encode()
    answer = api.call("POST", "/blacklist", data=body, content_type="application/json")
    assert answer.status_code == 201


def test_a_large_value_is_not_repeated_whole(api: Api) -> None:
    body = check(api.ban("192.0.2.1", reason="x" * 100_000), 422)
    assert len(json.dumps(body)) < 2000


@pytest.mark.parametrize("media_type", [None, "application/x-www-form-urlencoded"])
def test_a_body_of_the_contracts_curl_examples_is_read_as_json(
    api: Api, media_type: str | None
) -> None:
    answer = api.call("POST", "/blacklist", data='{"ip":"192.0.2.1"}', content_type=media_type)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/blacklist", "text/plain"),
        ("/blacklist", "application/xml"),
        ("/blacklist", ";;;"),
        ("/blacklist/import", "application/json"),
        ("/blacklist/import", None),
    ],
)
def test_a_body_of_another_kind_is_415(api: Api, path: str, media_type: str | None) -> None:
    check(api.call("POST", path, data="192.0.2.1", content_type=media_type), 415)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/blacklist", "application/json"), ("/blacklist/import", "text/plain")],
)
def test_a_compressed_body_is_415_and_the_coding_is_named(
    api: Api, path: str, media_type: str
) -> None:
    body, coding = gzip.compress(b'{"ip": "192.0.2.1"}'), {"Content-Encoding": "gzip"}
    answer = api.call("POST", path, data=body, content_type=media_type, headers=coding)
    (error,) = check(answer, 415)["errors"]
    assert (error["field"], error["value"]) == ("Content-Encoding", "gzip")


def test_a_value_that_json_does_not_have_is_told_as_text(api: Api) -> None:
    body = '{"ip": "192.0.2.1", "duration_seconds": NaN}'
    answer = api.call("POST", "/blacklist", data=body, content_type="application/json")
    assert check(answer, 422)["errors"][0]["value"] == "nan"
    assert b"NaN" not in answer.data


def test_a_body_over_the_limit_is_413(api: Api) -> None:
    body = json.dumps({"ip": "192.0.2.1", "reason": "x" * (1 << 20)})
    error = check(api.call("POST", "/blacklist", data=body, content_type="application/json"), 413)[
        "errors"
    ][0]
    assert error["limit"] == "1048576 bytes"


def test_a_body_at_the_limit_is_read(api: Api) -> None:
    body = '{"ip": "192.0.2.1"}'.ljust(1 << 20)
    answer = api.call("POST", "/blacklist", data=body, content_type="application/json")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "path", ["/nope", "/api/v2/status", "/api", "/api/v1/blacklists", "/api/v1//status"]
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    answer = api.client.get(path)
    check(answer, 404)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "get", "X-1"])
@pytest.mark.parametrize("key", [ADMIN_KEY, None], ids=["with a key", "without"])
def test_a_method_that_is_not_there_is_405_and_says_what_there_is(
    api: Api, method: str, key: str | None
) -> None:
    answer = api.call(method, "/blacklist", key=key)
    assert method in check(answer, 405)["detail"]
    assert answer.headers["Allow"] == "GET, HEAD, POST"


def test_a_method_is_not_looked_for_in_a_path_with_a_parameter(api: Api) -> None:
    answer = api.get("/blacklist/import")
    check(answer, 405)
    assert answer.headers["Allow"] == "POST"


def test_what_nobody_foresaw_is_500_and_says_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(api.plane, "stats", fail)
    assert "secret" not in str(check(api.get("/status"), 500))


def test_a_request_id_that_is_sent_is_kept_and_a_bad_one_replaced(api: Api) -> None:
    answer = api.get("/status", headers={"X-Request-ID": "trace-1.a_B"})
    assert answer.headers["X-Request-ID"] == "trace-1.a_B"
    for bad in ("x" * 65, "a b", "<script>"):
        answer = api.get("/status", headers={"X-Request-ID": bad})
        assert answer.headers["X-Request-ID"] not in ("", bad)


def test_every_body_ends_its_line(api: Api) -> None:
    for method, path in (("GET", "/status"), ("GET", "/blacklist"), ("GET", "/nothing")):
        assert api.call(method, path).text.endswith("}\n")


@pytest.mark.parametrize("number", ["1047.0", "1e3"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/blacklist", '{"ip": "192.0.2.1", "duration_seconds": %s}'),
        ("POST", "/panic", '{"duration_seconds": %s}'),
        ("PUT", "/policy", '{"name": "p", "syn": "auto", "syn_rate": %s}'),
    ],
)
def test_a_body_has_an_integer_as_json_schema_has_it(
    api: Api, method: str, path: str, body: str, number: str
) -> None:
    answer = api.call(method, path, data=body % number, content_type="application/json")
    assert answer.status_code in {200, 201}, answer.data


@pytest.mark.parametrize("number", ["10.0", "1e1", "+1", "%0A1"])
def test_a_query_has_an_integer_in_decimal_digits(api: Api, number: str) -> None:
    (error,) = check(api.get(f"/audit?limit={number}"), 422)["errors"]
    assert error["field"] == "limit"
