"""Programs that speak HTTP every day, through a node that inspects: no error, no false block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_peers.exchange import Sending, dropped, send
from tests.support.http_peers.inspection import HARMLESS, ORIGINS, RECORDED, url
from tests.support.http_peers.recorder import ANSWER, Recorder
from tests.support.http_peers.servers import PORTS, Servers
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import wrk_until

HOST = ORIGINS["ipv4"]
CURL = ("curl", "-gsS", "--max-time", "60")
LOAD = ("--connections", "16", "--duration", "1s")
REQUESTS = 3000
PIPELINED = """
init = function(args)
  local each = {}
  for i = 1, 8 do each[i] = wrk.format("GET", "/?i=" .. i) end
  all = table.concat(each)
end
request = function() return all end
"""


@pytest.fixture(autouse=True)
def nothing_is_refused(lab: Lab, rule: str) -> Iterator[None]:
    """By any reason of inspection."""
    before = dropped(lab)
    yield
    after = lab.quiet_stats()
    assert_ledgers(after)
    now = dropped(lab)
    http = {reason for reason in now if reason.startswith(("http", "waf"))}
    assert {r: now[r] - before.get(r, 0) for r in http if now[r] != before.get(r, 0)} == {}


# --- curl


@pytest.mark.parametrize("host", ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("port", PORTS.values(), ids=PORTS)
def test_curl_gets_a_page_from_every_server(lab: Lab, real: Servers, host: str, port: int):
    address = url(host, port, f"/?q={HARMLESS.decode()}")
    done = lab.in_client(*CURL, "-w", "%{http_code}", address)
    assert done.stdout.endswith("200"), done.stdout + done.stderr


def test_curl_asks_often_on_one_connection(lab: Lab, origin: Recorder):
    address = url(HOST, RECORDED, "/page[1-50]")
    curl = ("curl", "-sS", "--max-time", "60", "-w", "%{http_code} %{num_connects}\n")
    done = lab.in_client(*curl, "-o", "/dev/null", address)
    lines = done.stdout.split("\n")[:-1]
    assert lines == ["200 1"] + ["200 0"] * 49
    assert len(origin.requests) == 50
    assert len(origin.streams) == 1


def test_curl_uploads_in_chunks(lab: Lab, origin: Recorder, tmp_path: Path):
    content = tmp_path / "content"
    content.write_bytes(HARMLESS * 20_000)
    script = f"cat {content} | {' '.join(CURL)} -T - -H 'Expect:' {url(HOST, RECORDED, '/up')}"
    done = lab.in_client("sh", "-c", script)
    assert done.stdout == "ok\n", done.stderr
    assert b"Transfer-Encoding: chunked" in origin.requests[0]
    assert origin.requests[0].count(HARMLESS) > 19_000


@pytest.mark.parametrize("size", [100, 60_000, 200_000, 2_000_000])
def test_curl_waits_for_100_and_uploads(lab: Lab, origin: Recorder, tmp_path: Path, size: int):
    """Below and above what is inspected of a body."""
    content = tmp_path / "content"
    content.write_bytes(b"x" * size)
    options = ("-H", "Expect: 100-continue", "--expect100-timeout", "50", "-v")
    address = url(HOST, RECORDED, "/up")
    done = lab.in_client(*CURL, *options, "--data-binary", f"@{content}", address)
    assert done.stdout == "ok\n", done.stderr
    assert "100 Continue" in done.stderr
    assert origin.requests[0].endswith(b"x" * size)


def test_curl_speaks_http_1_0(lab: Lab, origin: Recorder):
    done = lab.in_client(*CURL, "--http1.0", url(HOST, RECORDED, "/old"))
    assert done.stdout == "ok\n", done.stderr
    assert b"GET /old HTTP/1.0" in origin.requests[0]


def test_forms_and_json_of_curl_pass(lab: Lab, real: Servers):
    address = url(HOST, PORTS["gunicorn"], "/form")
    for options in (
        ("--data-urlencode", "text=a b&c+d%20é <tag> 'quoted'"),
        ("-F", "field=value", "-F", "file=@/etc/hostname;type=text/plain"),
        ("--json", '{"text": "Zürich \\u00e9", "list": [1, 2.5e3, null]}'),
    ):
        done = lab.in_client(*CURL, "-w", "\n%{http_code}", *options, address)
        assert done.stdout.endswith("\n200"), done.stdout + done.stderr


@pytest.mark.parametrize("port", PORTS.values(), ids=PORTS)
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_every_server_is_sent_a_body(
    lab: Lab, real: Servers, tmp_path: Path, port: int, expect: str
):
    """Static files are not written to: those servers answer so."""
    content = tmp_path / "content"
    content.write_bytes(HARMLESS * 10_000)
    options = ("-w", "\n%{http_code}", "-H", expect, "--data-binary", f"@{content}")
    done = lab.in_client(*CURL, *options, url(HOST, port))
    assert done.returncode == 0, done.stderr
    assert done.stdout.rpartition("\n")[2] in {"200", "405"}, done.stdout


# --- several requests at once


@pytest.mark.parametrize("cut", [None, 1, 100])
def test_a_client_that_pipelines_gets_all_its_answers(lab: Lab, origin: Recorder, cut: int | None):
    """In one write, or in pieces of so many bytes."""
    stream = b"".join(
        f"GET /{number} HTTP/1.1\r\nHost: lab\r\nX-Text: {HARMLESS.decode()}\r\n\r\n".encode()
        for number in range(20)
    )
    pieces = [stream[at : at + (cut or len(stream))] for at in range(0, len(stream), cut or 10_000)]
    answer = send(lab, HOST, Sending(RECORDED, pieces, until=ANSWER * 20))
    assert answer.data == ANSWER * 20
    assert [request.split()[1] for request in origin.requests] == [
        f"/{number}".encode() for number in range(20)
    ]


# --- load


@pytest.mark.parametrize("port", PORTS.values(), ids=PORTS)
def test_wrk_keeps_its_connections(lab: Lab, real: Servers, port: int):
    wrk_until(lab, url(HOST, port), 100, *LOAD)


@pytest.mark.parametrize("host", ORIGINS.values(), ids=ORIGINS)
def test_wrk_pipelines(lab: Lab, real: Servers, tmp_path: Path, host: str):
    script = tmp_path / "pipelined.lua"
    script.write_text(PIPELINED)
    wrk_until(lab, url(host, PORTS["nginx"]), 100, *LOAD, "--script", str(script))


@pytest.mark.parametrize("options", [("-k",), ()], ids=["keep-alive", "close"])
def test_ab_fails_never(lab: Lab, real: Servers, options: tuple[str, ...]):
    load = ("ab", "-q", "-n", str(REQUESTS), "-c", "16", "-s", "60", *options)
    done = lab.in_client(*load, url(HOST, PORTS["nginx"]), timeout_s=180)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"Complete requests: +{REQUESTS}\n", done.stdout), done.stdout
    assert re.search(r"Failed requests: +0\n", done.stdout), done.stdout
    assert "Non-2xx" not in done.stdout, done.stdout


def test_h2load_over_http_1_1_fails_never(lab: Lab, real: Servers):
    load = ("h2load", "--h1", "-n", str(REQUESTS), "-c", "16", "-m", "4")
    done = lab.in_client(*load, url(HOST, PORTS["nginx"]), timeout_s=180)
    assert done.returncode == 0, done.stderr
    said = f"{REQUESTS} done, {REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout"
    assert said in done.stdout, done.stdout
    assert f"status codes: {REQUESTS} 2xx" in done.stdout, done.stdout
