"""The pool: what is kept, how much a source may have, what becomes of what has no room."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from dataplane.base.settings import HttpCapacities
from dataplane.native.abi import HttpUninspected, Reason
from tests.native.connections.connections_support import Pair
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    RST,
    Talk,
    allowing,
    dropped,
    forget,
    get,
    inspecting,
    ok,
)

SHARE, HALF = 32 << 10, 1 << 20
"""Of a pool of 2 MiB, one source's, and what anybody may have."""
PART = get(b"/" + b"a" * 3000)[:3000]


def of(harness: Harness, number: int) -> Talk:
    """A connection of another client."""
    client = IPv4Address("203.0.113.0") + number % 250 + 65536 * (number // 250)
    return Talk(harness, Pair(client=client)).open()


def hold(talk: Talk) -> int:
    """Begin requests on new connections until a segment finds no room; how many are held."""
    harness, number = talk.harness, 0
    while number < 1000:
        one = Talk(harness, Pair(client=talk.pair.client, client_port=20000 + number)).open()
        if not one.say(PART):
            return number
        number += 1
    return number


def test_a_source_has_its_share_once_half_of_the_pool_is_in_use(harness: Harness) -> None:
    with inspecting(harness):
        number = 10
        while harness.stats.http.pool_used < HALF:
            assert of(harness, number).say(PART)
            number += 1
        before = harness.stats.http.pool_used
        talk = of(harness, 1)
        assert 0 < hold(talk) <= SHARE // len(PART)
        assert harness.stats.http.pool_used - before <= SHARE
        assert dropped(harness, Reason.HTTP_POOL) == harness.stats.http.pool_full == 1
        of(harness, 2).exchange(get(), ok())


def test_a_source_may_have_all_that_others_do_not_need(harness: Harness) -> None:
    """A proxy has the requests of many behind one address."""
    with inspecting(harness):
        hold(of(harness, 1))
        assert HALF - SHARE <= harness.stats.http.pool_used <= HALF
        of(harness, 2).exchange(get(), ok())


def test_a_full_pool_drops_and_later_resets(harness: Harness) -> None:
    with inspecting(harness):
        number = 0
        while of(harness, number).say(PART):
            number += 1
        assert harness.stats.http.pool_used > (2 << 20) - 16384
        talk = of(harness, number + 1)
        assert talk.at(0, PART) == []
        harness.time.boot_ds += 99
        assert talk.at(0, PART) == []
        harness.time.boot_ds += 1
        out = talk.at(0, PART)
        assert sorted((one.port, one.flags) for one in out) == [(OUTSIDE, RST), (INSIDE, RST)]
        assert harness.stats.http.resets == 1
        (one,) = talk.at(0, PART)
        assert (one.port, one.flags) == (OUTSIDE, RST)


def test_the_allowlist_needs_no_room(harness: Harness) -> None:
    with inspecting(harness):
        number = 10
        while of(harness, number).say(PART):
            number += 1
        talk = of(harness, 1)
        with allowing(harness, talk.pair.client):
            assert len(talk.say(PART)) == 1
            assert len(talk.ack()) == 1
            assert harness.stats.http.not_inspected[HttpUninspected.UNSEEN] == 1


def test_room_that_comes_back_ends_the_wait(harness: Harness) -> None:
    with inspecting(harness):
        talks = [of(harness, 0)]
        while talks[-1].say(PART):
            talks.append(of(harness, len(talks)))
        talks[0].say(get()[-4:])
        talks[0].reply(ok())
        last = talks[-1]
        assert len(last.at(-len(PART), PART)) == 1
        harness.time.boot_ds += 200
        assert len(last.say(b"\r\n\r\n")) >= 1


def test_all_of_it_comes_back(harness: Harness) -> None:
    """Blocks of every size, in any order, put together again."""
    with inspecting(harness, HttpCapacities(4)) as http:
        for round_ in range(3):
            for number in range(300):
                of(harness, number).say(PART[: 10 * number + 1])
            assert harness.stats.http.pool_used > 0
            forget(harness)
            assert harness.stats.http.pool_used == 0, round_
        assert http.bytes > 4 << 20


@pytest.mark.parametrize("ending", ["fin", "rst", "idle"])
def test_connections_that_end_give_all_back(harness: Harness, ending: str) -> None:
    with inspecting(harness):
        talk = of(harness, 1)
        talk.say(PART)
        if ending == "fin":
            talk.say(b"", 1)
            talk.reply(b"", 1)
            talk.ack(OUTSIDE)
        elif ending == "rst":
            talk.step(talk.segment(INSIDE, RST | ACK))
        forget(harness)
        assert (harness.stats.http.connections, harness.stats.http.pool_used) == (0, 0)


def test_a_flood_of_syns_takes_no_record(harness: Harness) -> None:
    with inspecting(harness):
        for port in range(200):
            pair = Pair(client_port=20000 + port)
            syn, answer, _ = pair.handshake()
            harness.run([syn])
            harness.run([answer])
        assert harness.stats.http.connections == 0
