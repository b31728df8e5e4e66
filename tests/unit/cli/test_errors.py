"""What goes wrong is a line on stderr, nothing on stdout, and an exit code that means it."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import typer

from appliance.cli.client.keyfile import KeyMissingError, find_key
from appliance.cli.client.urls import checked_url, is_local
from appliance.cli.terminal.durations import parse_duration


def test_without_a_key_and_an_api_the_api_is_what_is_missing(
    secbeat: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("SECBEAT_API_KEY")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = secbeat("status", "--url", url)
    assert (done.code, done.err) == (
        69,
        f"secbeat: {url}: the management API can't be reached: Connection refused\n",
    )


def test_a_key_that_only_root_may_read_says_how(tmp_path: Path, monkeypatch: Any) -> None:
    def closed(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(KeyMissingError, match=r"permission denied\)\n.*sudo"):
        find_key(None, {}, [tmp_path / "admin.key"])


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 1), (401, 77), (403, 77), (404, 1), (409, 1), (422, 1), (429, 75), (500, 70), (503, 69)],
)
def test_refusals_have_their_exit_code(status: int, code: int, api: Any, secbeat: Any) -> None:
    api.answers_with(status, {"title": "T", "detail": "why it is so", "errors": []})
    done = secbeat("blacklist", "show", "192.0.2.7")
    assert done.code == code
    place = "secbeat: the key came from $SECBEAT_API_KEY\n" if code == 77 else ""
    assert (done.out, done.err) == ("", f"secbeat: why it is so (HTTP {status})\n{place}")


def test_a_refused_key_is_told_with_its_file(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(401, {"detail": "the key is unknown"})
    file = tmp_path / "old.key"
    file.write_text("k" * 32)
    done = secbeat("status", "--key-file", str(file))
    assert done.code == 77
    assert done.err.splitlines()[-1] == f"secbeat: the key came from --key-file {file}"


def test_each_error_names_field_value_and_limit(api: Any, secbeat: Any) -> None:
    errors = [
        {"field": "ip", "value": "x", "limit": "an address", "message": "ip: 'x' is no address"},
        {"field": "reason", "value": 5, "limit": "256 characters", "message": "reason: too long"},
    ]
    detail = "; ".join(error["message"] for error in errors)  # type: ignore[misc]
    api.answers_with(422, {"detail": detail, "errors": errors})
    assert secbeat("blacklist", "add", "x").err.splitlines() == [
        "secbeat: ip: 'x' is no address (limit: an address)",
        "secbeat: reason = 5: too long (limit: 256 characters)",
    ]


def test_detail_that_says_more_is_kept(api: Any, secbeat: Any) -> None:
    error = {"field": "ip", "value": "192.0.2.7", "limit": "", "message": "see 192.0.2.0/24"}
    api.answers_with(409, {"detail": "covered by the allowlist", "errors": [error]})
    assert secbeat("blacklist", "add", "192.0.2.7").err.splitlines() == [
        "secbeat: covered by the allowlist (HTTP 409)",
        "secbeat: ip = 192.0.2.7: see 192.0.2.0/24",
    ]


def test_a_problem_can_not_write_to_the_terminal(api: Any, secbeat: Any) -> None:
    api.answers_with(404, {"detail": "\x1b]0;x\x07"})
    assert secbeat("blacklist", "show", "a").err == "secbeat: \\x1b]0;x\\x07 (HTTP 404)\n"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"\xff"])
def test_something_else_that_answers_is_named(body: bytes, api: Any, secbeat: Any) -> None:
    api.answers_with(404, body)
    done = secbeat("status")
    assert done.code == 76
    assert done.err == f"secbeat: {api.url}: the answer is not from a management API (HTTP 404)\n"


@pytest.mark.parametrize(
    "problem",
    [
        {"type": "urn:secbeat:problem:not-found", "detail": "GET /api/v1/status: no such path"},
        {"type": "about:blank", "detail": "GET /api/v1/status: no such path"},
    ],
)
def test_the_other_api_and_another_product_are_named(
    problem: dict[str, str], api: Any, secbeat: Any
) -> None:
    api.answers_with(404, problem)
    done = secbeat("status")
    assert done.code == 76
    assert done.err == (
        f"secbeat: {api.url}: the answer is not from a management API: "
        "GET /api/v1/status: no such path (HTTP 404)\n"
    )


@pytest.mark.parametrize("value", ["", ".", ".."])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("blacklist", "show"), "IP"),
        (("blacklist", "remove"), "IP"),
        (("allowlist", "remove", "--fleet"), "IP"),
        (("keys", "delete"), "ID"),
        (("attacks", "show"), "ID"),
        (("attacks", "pcap"), "ID"),
        (("rules", "show"), "ID"),
        (("rules", "set", "--enable"), "ID"),
        (("rules", "delete"), "ID"),
        (("fleet", "tokens", "delete"), "ID"),
        (("nodes", "show"), "NODE"),
        (("nodes", "drain"), "NODE"),
        (("nodes", "delete"), "NODE"),
        (("scale", "show"), "JOB"),
        (("scale", "cancel"), "JOB"),
    ],
)
def test_an_argument_that_would_change_the_path_is_a_usage_error(
    words: tuple[str, ...], name: str, value: str, api: Any, secbeat: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "k" * 32)
    done = secbeat(*words, value)
    assert (done.code, f"Invalid value for {name}: " in done.err) == (2, True)
    assert api.requests == []


def test_key_does_not_follow_a_redirect(api: Any, secbeat: Any) -> None:
    api.answers_with(302, {}, Location=f"{api.url}/elsewhere")
    assert secbeat("status").code != 0
    assert len(api.requests) == 1


def test_nobody_listens(secbeat: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = secbeat("status", "--url", url)
    assert done.code == 69
    assert done.err == f"secbeat: {url}: the management API can't be reached: Connection refused\n"


@pytest.mark.parametrize("url", ["127.0.0.1:9999", "ftp://x", "http://", "http://x:99999", ""])
def test_url_that_is_none(url: str, secbeat: Any) -> None:
    assert secbeat("status", "--url", url).code == 2


def test_url_may_end_in_the_prefix() -> None:
    assert checked_url("https://node:9999/api/v1/") == "https://node:9999"


def test_proxies_are_not_shown_the_key_of_a_local_node(
    api: Any, secbeat: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    api.answers_with(200, {"health": "healthy"})
    assert secbeat("status").code == 0


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:9999", True),
        ("http://[::1]:9999", True),
        ("http://localhost", True),
        ("http://192.0.2.1", False),
        ("http://localhost.example", False),
    ],
)
def test_local_urls(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_missing_key_says_where_it_looked(
    api: Any, secbeat: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.delenv("SECBEAT_API_KEY")
    api.answers_with(200, {})
    monkeypatch.setattr("appliance.cli.client.node_api.DEFAULT_FILES", (tmp_path / "admin.key",))
    done = secbeat("status")
    assert done.code == 77
    for place in ("--key-file", "$SECBEAT_API_KEY", "$MANAGEMENT_API_KEY", "admin.key (no such"):
        assert place in done.err
    assert len(done.err.splitlines()) == 1


def test_key_of_this_host_stays_on_it(secbeat: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.delenv("SECBEAT_API_KEY")
    file = tmp_path / "admin.key"
    file.write_text("local")
    monkeypatch.setattr("appliance.cli.client.node_api.DEFAULT_FILES", (file,))
    done = secbeat("status", "--url", "http://192.0.2.1:9999")
    assert done.code == 77
    assert "not sent to another" in done.err


def test_order_of_keys(tmp_path: Path) -> None:
    given, default = tmp_path / "given", tmp_path / "default"
    given.write_text("given\n")
    default.write_text("default\n")
    both = {"SECBEAT_API_KEY": "ours", "MANAGEMENT_API_KEY": "server's"}
    assert find_key(given, both, (default,)) == ("given", f"--key-file {given}")
    assert find_key(None, both, (default,)) == ("ours", "$SECBEAT_API_KEY")
    servers = {"MANAGEMENT_API_KEY": "server's"}
    assert find_key(None, servers, (default,)) == ("server's", "$MANAGEMENT_API_KEY")
    unset = {"SECBEAT_API_KEY": " "}
    assert find_key(None, unset, (tmp_path / "none", default)) == ("default", str(default))


@pytest.mark.parametrize("content", [b"", b"a\nb", b"\xff\xfe", "ä".encode()])
def test_given_key_file_that_holds_no_key(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(KeyMissingError, match=str(file)):
        find_key(file, os.environ, ())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("7d", 604_800),
        ("3650d", 315_360_000),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5h", "h", "3651d", "1w", "9" * 12, "\u0661"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_bad_duration_is_a_usage_error(secbeat: Any, api: Any) -> None:
    assert secbeat("blacklist", "add", "192.0.2.7", "--duration", "soon").code == 2
    assert api.requests == []
