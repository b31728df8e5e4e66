"""Limits of requests: by source, destination, profile and path, against their twin."""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest

from dataplane.model.packet import Packet
from dataplane.model.policy import Limit, Profile, RequestLimit
from dataplane.model.stages.http.request_limits import canonical, limit_request
from dataplane.model.state import Lcore, Node, Time
from dataplane.native import abi
from dataplane.native.abi import Mode, PacketFlag, Reason, Scope, Unit
from tests.native.connections.connections_support import Pair
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    INSIDE,
    OUTSIDE,
    RST,
    Talk,
    dropped,
    get,
    inspecting,
    monitored,
    ok,
    post,
)
from tests.native.stages.limits.limits_support import SECOND, buckets

SECOND_Q16 = SECOND << 16


def limit(reason: Reason, scope: Scope, path: bytes = b"", burst: int = 2) -> RequestLimit:
    """One request a second."""
    rate = Limit(reason, SECOND_Q16, burst * SECOND_Q16, scope, Unit.REQUESTS)
    return RequestLimit(rate, path)


SOURCE = limit(Reason.RATE_SOURCE_REQUESTS, Scope.SOURCE)
DESTINATION = limit(Reason.RATE_DESTINATION_REQUESTS, Scope.DESTINATION)
PREFIX = limit(Reason.RATE_PREFIX_REQUESTS, Scope.PREFIX)
PREFIX = RequestLimit(dataclasses.replace(PREFIX.limit, bits_ipv4=24))
GLOBAL = limit(Reason.RATE_GLOBAL_REQUESTS, Scope.GLOBAL)
LOGIN = limit(Reason.RATE_PATH_REQUESTS, Scope.GLOBAL, b"/login")
LOGIN_OF_SOURCE = limit(Reason.RATE_PATH_REQUESTS, Scope.SOURCE, b"/login", burst=1)


@contextmanager
def limited(
    harness: Harness, limits: Sequence[RequestLimit], mode: Mode = Mode.ENFORCE
) -> Iterator[None]:
    """A node whose default profile has these limits."""

    def fill(profile: abi.Profile) -> None:
        for one in limits:
            theirs = profile.http.request_limit[profile.http.request_limit_count]
            for name in ("reason", "increment_q16", "burst_q16", "scope", "unit"):
                setattr(theirs.limit, name, getattr(one.limit, name))
            theirs.limit.bits_ipv4, theirs.limit.bits_ipv6 = one.limit.bits_ipv4, 128
            theirs.path_size = len(one.path)
            theirs.path[: len(one.path)] = one.path
            profile.http.request_limit_count += 1
            profile.mode[one.limit.reason] = mode

    with buckets(harness), inspecting(harness, fill=fill):
        yield


_ports = itertools.count(1024)


def talk_of(harness: Harness, number: int) -> Talk:
    """A connection of the client with this number, of which two share a prefix."""
    pair = Pair(client=IPv4Address("203.0.0.0") + 128 * number, client_port=next(_ports))
    return Talk(harness, pair).open()


def refuses(talk: Talk, request: bytes) -> bool:
    """Whether a request is one too many; the connection goes on where it is not."""
    out = talk.say(request)
    if [one.payload for one in out] == [request]:
        talk.reply(ok())
        talk.ack(OUTSIDE)
        return False
    page = min(out, key=lambda one: one.port)
    assert page.payload.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    return True


def test_one_too_many_is_withheld_and_told_when_to_come_again(harness: Harness) -> None:
    with limited(harness, [SOURCE]):
        talk = talk_of(harness, 0)
        assert [refuses(talk, get()) for _ in range(2)] == [False, False]
        out = sorted(talk.say(get(b"/", b"Accept: application/json")), key=lambda one: one.port)
        page, reset = out
        assert (page.port, reset.port, reset.flags) == (OUTSIDE, INSIDE, RST)
        head, body = page.payload.split(b"\r\n\r\n")
        assert b"\r\nRetry-After: 1\r\n" in head
        (incident,) = re.findall(rb"X-Request-Id: ([0-9a-f]{16})", head)
        assert b'"error":"too_many_requests"' in body
        assert incident in body
        assert f"Content-Length: {len(body)}\r\n".encode() in head
        assert dropped(harness, Reason.RATE_SOURCE_REQUESTS) == 1
        http = harness.stats.http
        assert (http.requests, http.limited, http.blocked) == (3, 1, 0)


def test_one_client_s_requests_are_no_other_s(harness: Harness) -> None:
    with limited(harness, [SOURCE]):
        talks = [talk_of(harness, number) for number in range(3)]
        for talk in talks:
            assert [refuses(talk, get()) for _ in range(3)] == [False, False, True]


def test_a_client_that_waits_is_served(harness: Harness) -> None:
    with limited(harness, [SOURCE]):
        for _ in range(5):
            assert [refuses(talk_of(harness, 0), get()) for _ in range(2)] == [False, False]
            harness.time.tsc += 2 * SECOND


@pytest.mark.parametrize("one", [PREFIX, DESTINATION, GLOBAL], ids=lambda one: one.limit.scope.name)
def test_clients_share_what_is_not_of_one_source(harness: Harness, one: RequestLimit) -> None:
    with limited(harness, [one]):
        # Two clients in one /24.
        answers = [refuses(talk_of(harness, number % 2), get()) for number in range(4)]
        assert answers == [False, False, True, True]


def test_a_path_is_limited_however_it_is_written(harness: Harness) -> None:
    with limited(harness, [LOGIN]):
        assert not refuses(talk_of(harness, 0), get(b"/login?a=1"))
        assert not refuses(talk_of(harness, 1), post(b"a=1", b"/login.php"))
        for number, path in enumerate(
            (b"/x/../login", b"//login", b"/%6cogin/", b"/./login;a=b", b"/LOGIN", b"/logi/n", b"/")
        ):
            talk = talk_of(harness, 2 + number)
            assert refuses(talk, get(path)) == (number < 4), path
        assert not refuses(talk_of(harness, 20), get(b"/", b"X: /login"))


def test_paths_count_apart_and_beside_the_whole(harness: Harness) -> None:
    other = limit(Reason.RATE_PATH_REQUESTS, Scope.GLOBAL, b"/other")
    whole = limit(Reason.RATE_GLOBAL_REQUESTS, Scope.GLOBAL, burst=5)
    with limited(harness, [LOGIN, other, whole]):
        paths = (b"/login", b"/login", b"/login", b"/other", b"/other", b"/", b"/")
        answers = [
            refuses(talk_of(harness, number), get(path)) for number, path in enumerate(paths)
        ]
        assert answers == [False, False, True, False, False, False, True]


def test_in_monitor_each_is_counted_and_passes(harness: Harness) -> None:
    with limited(harness, [SOURCE], Mode.MONITOR):
        talk = talk_of(harness, 0)
        assert [refuses(talk, get()) for _ in range(4)] == [False] * 4
        assert monitored(harness, Reason.RATE_SOURCE_REQUESTS) == 2
    with limited(harness, [SOURCE], Mode.OFF):
        assert [refuses(talk_of(harness, 0), get()) for _ in range(4)] == [False] * 4
        assert monitored(harness, Reason.RATE_SOURCE_REQUESTS) == 2


def test_each_request_of_a_segment_pays(harness: Harness) -> None:
    with limited(harness, [SOURCE]):
        talk = talk_of(harness, 0)
        out = talk.say(get() * 3)
        # The host has none of them, and the client waits for two answers: no page.
        assert [(one.port, one.flags & RST) for one in sorted(out, key=lambda one: one.port)] == [
            (OUTSIDE, RST),
            (INSIDE, RST),
        ]
        assert harness.stats.http.limited == 1


def test_without_buckets_nothing_is_limited(harness: Harness) -> None:
    with limited(harness, [SOURCE]):
        harness.lcore.limits = 0
        assert [refuses(talk_of(harness, 0), get()) for _ in range(4)] == [False] * 4


# --- the twin ---------------------------------------------------------------------------------

EVERY = (SOURCE, LOGIN, PREFIX, LOGIN_OF_SOURCE, DESTINATION, GLOBAL)
PATHS = (b"/", b"/login", b"/a/%2e%2e//login", b"/log%69n/x", b"/logout", b"*", b"http://a.example")


@pytest.mark.parametrize("seed", range(12))
def test_c_does_what_its_twin_says(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    limits = rng.sample(EVERY, rng.randrange(1, len(EVERY)))
    mode = rng.choice((Mode.ENFORCE, Mode.ENFORCE, Mode.MONITOR))
    modes = {one.limit.reason: mode for one in limits}
    twin = Lcore(Node([Profile(modes, request_limits=tuple(limits))]))
    with limited(harness, limits, mode):
        for number in range(80):
            harness.time.tsc += rng.randrange(SECOND)
            talk, path = talk_of(harness, rng.randrange(4)), rng.choice(PATHS)
            now = Time(harness.time.boot_ds, harness.time.tsc)
            frame = talk.segment(OUTSIDE, 24, get(path))
            packet = Packet(frame.data, len(frame.data), OUTSIDE, PacketFlag(0))
            packet.l3_offset, packet.client_offset, packet.protected_offset = 14, 26, 30
            packet.ip_version = 4
            is_refused = limit_request(twin, packet, target_path(path), now)
            method = b"OPTIONS" if path == b"*" else b"GET"
            request = get(path).replace(b"GET", method, 1)
            assert refuses(talk, request) == is_refused, (seed, number)
    for reason in modes:
        counts = harness.stats.profile[0].count[reason]
        for one in (Mode.ENFORCE, Mode.MONITOR):
            assert counts[one] == twin.count[0, reason, one]


def target_path(target: bytes) -> bytes:
    return target.removeprefix(b"http://a.example")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"/a%2fb", b"/a/b"),
        (b"/%2e%2e/a/./b/..", b"/a/"),
        (b"/a%252fb", b"/a%2fb"),
        (b"/a;x/..", b"/"),
        (b"/%zz", b"/%zz"),
        (b"*", b"*"),
        (b"", b""),
    ],
)
def test_the_twin_knows_how_servers_read_a_path(sent: bytes, read: bytes) -> None:
    assert canonical(sent) == read
