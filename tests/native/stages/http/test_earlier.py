"""Connections whose beginning was not seen; ports that begin, or end, to be inspected."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dataplane.base.settings import ConnectionCapacities
from dataplane.native.abi import HttpUninspected, Mode, Profile, Reason, Verdict
from tests.native.connections.connections_support import Pair
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SYN,
    Talk,
    allowing,
    dropped,
    get,
    inspect,
    inspecting,
    monitored,
    ok,
    post,
)

BAD = get(b"/?q=attack")
URGENT = 32


def closed(profile: Profile) -> None:
    profile.http.fail_closed = 1


@pytest.fixture
def before(harness: Harness) -> Iterator[Talk]:
    """A connection that has exchanged something before its port is inspected."""
    with inspecting(harness):
        inspect(harness, ports=())
        talk = Talk(harness).open()
        talk.exchange(b"anything", b"else")
        yield talk


def test_it_passes_until_a_request_begins(harness: Harness, before: Talk) -> None:
    inspect(harness)
    assert len(before.say(b"goes on, attack")) == 1
    before.reply(b"and on")
    assert harness.stats.http.not_inspected[HttpUninspected.EARLIER] == 1
    before.exchange(get(), ok())
    assert harness.stats.http.requests == 1
    assert {one.flags & RST for one in before.say(BAD)} == {0, RST}


@pytest.mark.parametrize(("flags", "is_right"), [(0, False), (RST, True), (URGENT, True)])
def test_a_request_that_the_host_does_not_read_is_no_beginning(
    harness: Harness, before: Talk, flags: int, is_right: bool
) -> None:
    """Its numbers would be taken for the connection's: all that follows would be old."""
    inspect(harness)
    (packet,) = harness.run(
        [before.segment(OUTSIDE, ACK | PSH | flags, get(), offset=1 << 14, is_right=is_right)]
    )
    assert packet.verdict == Verdict.PASS
    assert {one.flags & RST for one in before.say(BAD)} == {0, RST}


def test_it_does_not_pass_for_long(harness: Harness, before: Talk) -> None:
    inspect(harness)
    before.say(b"goes on")
    harness.time.boot_ds += 599
    assert [one.payload for one in before.say(b"goes on")] == [b"goes on"]
    harness.time.boot_ds += 1
    assert {one.flags for one in before.say(b"goes on")} == {RST}
    assert dropped(harness, Reason.HTTP_UNINSPECTED) == 1


def test_closed_it_is_reset_at_the_next_byte(harness: Harness, before: Talk) -> None:
    inspect(harness, closed)
    assert len(before.ack(OUTSIDE)) == 1
    assert len(before.reply(b"late")) == 1
    out = before.say(get())
    assert sorted((one.port, one.flags) for one in out) == [(OUTSIDE, RST), (INSIDE, RST)]


def test_one_without_a_byte_yet_is_followed(harness: Harness) -> None:
    with inspecting(harness):
        inspect(harness, ports=())
        talk = Talk(harness).open()
        inspect(harness, closed)
        talk.exchange(get(), ok())
        assert harness.stats.http.requests == 1


def test_a_port_that_is_inspected_no_more(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.say(get()[:10])
        inspect(harness, ports=(81,))
        assert len(talk.say(BAD)) == 1
        assert (harness.stats.http.connections, harness.stats.http.pool_used) == (0, 0)
        inspect(harness, ports=())
        assert len(talk.say(BAD)) == 1


def test_another_policy_that_inspects_it_too_changes_nothing(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.say(BAD[:10])
        for _ in range(300):
            inspect(harness)
        assert {one.flags & RST for one in talk.say(BAD[10:])} == {0, RST}


# --- unknown ones ---


def test_bytes_of_no_known_connection_are_reset(harness: Harness) -> None:
    with inspecting(harness, mode=Mode.MONITOR):
        talk = Talk(harness)
        out = talk.say(get())
        assert sorted((one.port, one.flags) for one in out) == [(OUTSIDE, RST), (INSIDE, RST)]
        assert dropped(harness, Reason.HTTP_UNINSPECTED) == 1
        assert len(talk.ack(OUTSIDE)) == 1


def test_while_the_node_learns_they_may_be_of_an_earlier_one(harness: Harness) -> None:
    harness.node.learning_until_ds = harness.time.boot_ds + 10
    with inspecting(harness):
        talk = Talk(harness)
        assert len(talk.say(b"in the midst")) == 1
        assert len(talk.reply(b"of it")) == 1
        assert len(talk.say(b"in the midst")) == 1
        assert harness.stats.http.not_inspected[HttpUninspected.EARLIER] == 1
        inspect(harness, closed)
        assert {one.flags for one in talk.say(b"still")} == {RST}


def test_a_forged_end_does_not_end_inspection(harness: Harness) -> None:
    """A RST that the host never gets; ten seconds later the node has forgotten the connection."""
    with inspecting(harness, mode=Mode.MONITOR):
        talk = Talk(harness).open()
        talk.step(talk.segment(OUTSIDE, RST))
        for _ in range(20):
            harness.time.boot_ds += 10
            talk.step()
        assert {one.flags for one in talk.say(BAD)} == {RST}


def test_nor_does_a_word_of_the_host_then(harness: Harness) -> None:
    """The node meets the connection again in its midst, by what the host still sends."""
    with inspecting(harness, mode=Mode.MONITOR):
        talk = Talk(harness).open()
        talk.step(talk.segment(OUTSIDE, RST))
        for _ in range(20):
            harness.time.boot_ds += 10
            talk.step()
        talk.reply(b"late")
        talk.ack(OUTSIDE)
        for part in (BAD[:1], BAD[1:], get()):
            assert {one.flags for one in talk.say(part)} == {RST}


def test_what_finds_no_place_passes_where_the_profile_says_so(harness: Harness) -> None:
    few = ConnectionCapacities(connections_max=1)
    with inspecting(harness, connections=few, mode=Mode.MONITOR):
        for port in range(64):
            Talk(harness, Pair(client_port=20000 + port)).open()
        talk = Talk(harness)
        assert len(talk.say(BAD)) == 1
        assert harness.stats.http.not_inspected[HttpUninspected.UNTRACKED] == 1
        inspect(harness, closed)
        assert {one.flags for one in talk.say(BAD)} == {RST}


def test_a_forged_new_beginning_does_not(harness: Harness) -> None:
    with inspecting(harness, mode=Mode.MONITOR):
        talk = Talk(harness).open()
        talk.step(talk.segment(OUTSIDE, RST))
        talk.step(talk.pair.tcp(OUTSIDE, SYN, 77))
        assert {one.flags for one in talk.say(BAD)} == {RST}


def test_a_host_that_has_forgotten_begins_anew(harness: Harness) -> None:
    """A SYN on an open connection, and the host takes it: the bytes behind it are inspected."""
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.exchange(get(), ok())
        talk.step(talk.pair.tcp(OUTSIDE, SYN, 70_000_000))
        talk.step(talk.pair.tcp(INSIDE, SYN | ACK, 90_000_000, 70_000_001))
        talk.client, talk.host = 70_000_001, 90_000_001
        talk.ack(OUTSIDE)
        talk.exchange(get(), ok())
        assert harness.stats.http.requests == 2
        assert {one.flags & RST for one in talk.say(BAD)} == {0, RST}


def test_bytes_that_went_another_way_are_not_inspected(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.say(get())
        talk.client += 100
        talk.reply(ok())
        assert harness.stats.http.not_inspected[HttpUninspected.UNSEEN] == 1
        inspect(harness, closed)
        assert {one.flags for one in talk.say(b"x")} == {RST}


def test_closed_such_a_connection_is_reset(harness: Harness) -> None:
    with inspecting(harness, fill=closed):
        talk = Talk(harness).open()
        talk.say(get())
        talk.client += 100
        out = talk.reply(ok())
        assert sorted((one.port, one.flags) for one in out) == [(OUTSIDE, RST), (INSIDE, RST)]


# --- what is not HTTP ---


def test_a_websocket_is_not_inspected_any_more(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        lines = (
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Version: 13",
        )
        switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        talk.exchange(get(b"/", *lines), switch)
        assert len(talk.say(BAD)) == 1
        assert harness.stats.http.not_inspected[HttpUninspected.WEBSOCKET] == 1
        assert harness.stats.http.pool_used == 0


def test_without_the_host_s_word_it_goes_on(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.exchange(get(b"/", b"Upgrade: websocket", b"Connection: Upgrade"), ok())
        assert {one.flags & RST for one in talk.say(BAD)} == {0, RST}


def test_http2_that_a_mode_lets_pass_is_not_inspected_either(harness: Harness) -> None:
    lines = b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    with inspecting(harness):
        talk = Talk(harness).open()
        assert {one.flags & RST for one in talk.say(get(b"/", *lines))} == {0, RST}
        assert dropped(harness, Reason.HTTP_UPGRADE) == 1
        harness.set_mode(Reason.HTTP_UPGRADE, Mode.MONITOR)
        talk.pair.client_port += 1
        talk.open().exchange(get(b"/", *lines), switch)
        assert len(talk.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == 1


def test_another_upgrade_does_not_end_it(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        talk.say(get())
        talk.reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n")
        assert {one.flags & RST for one in talk.say(BAD)} == {RST}


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00\x01\x00", b"\0\0\0\5hello"])
def test_what_is_not_http_is_refused_or_passes(harness: Harness, first: bytes) -> None:
    def other(profile: Profile) -> None:
        profile.http.pass_other = 1

    with inspecting(harness):
        talk = Talk(harness).open()
        assert {one.flags & RST for one in talk.say(first)} == {0, RST}
    with inspecting(harness, fill=other):
        talk = Talk(harness).open()
        assert len(talk.say(first)) == 1
        assert len(talk.say(BAD)) == 1
        assert harness.stats.http.not_inspected[HttpUninspected.NOT_HTTP] == 1


def test_fragments_are_refused(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        whole = talk.segment(OUTSIDE, ACK | PSH, get())
        for offset in (0x2000, 3):
            part = talk.pair.ip(OUTSIDE, 6, whole.data[34:], fragment=offset)
            assert talk.step(part) == []
        assert dropped(harness, Reason.HTTP_FRAGMENT) == 2
        harness.set_mode(Reason.HTTP_FRAGMENT, Mode.OFF)
        part = talk.pair.ip(OUTSIDE, 6, whole.data[34:], fragment=3)
        assert len(harness.run([part])) == 1
        assert harness.stats.port[OUTSIDE].dropped[Reason.HTTP_FRAGMENT] == 2


@pytest.mark.parametrize("change", [None, closed], ids=["open", "closed"])
def test_fragments_of_the_allowlist_pass_as_all_of_theirs(
    harness: Harness, change: Callable[[Profile], None] | None
) -> None:
    """The host acknowledges what the node has not read: nobody is reset for it."""
    with inspecting(harness, fill=change), allowing(harness):
        talk = Talk(harness).open()
        whole = talk.segment(OUTSIDE, ACK | PSH, BAD + get())
        first = talk.pair.ip(OUTSIDE, 6, whole.data[34:66], fragment=0x2000)
        rest = talk.pair.ip(OUTSIDE, 6, whole.data[66:], fragment=4)
        passed = [packet.verdict for packet in harness.run([first, rest])]
        assert passed == [Verdict.PASS] * 2
        talk.client += len(BAD + get())
        assert len(talk.reply(ok())) == 1
        assert len(talk.say(BAD)) == 1
        assert len(talk.ack()) == 1


def test_a_fragment_that_a_mode_lets_pass_is_not_taken_for_a_segment(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        harness.set_mode(Reason.HTTP_FRAGMENT, Mode.MONITOR)
        whole = talk.segment(OUTSIDE, ACK | PSH, get())
        first = talk.pair.ip(OUTSIDE, 6, whole.data[34:66], fragment=0x2000)
        assert [packet.verdict for packet in harness.run([first])] == [Verdict.PASS]
        assert monitored(harness, Reason.HTTP_FRAGMENT) == 1
        talk.client += len(get())
        assert len(talk.reply(ok())) == 1
        assert harness.stats.http.not_inspected[HttpUninspected.UNSEEN] == 1


def test_other_ports_are_left_alone(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness)
        talk.pair.server_port = 8080
        talk.open()
        assert len(talk.say(BAD)) == 1
        assert harness.stats.http.connections == 0


def test_a_request_with_a_body_is_not_ready_once(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        kept, harness.node.waf_set = harness.node.waf_set, 0
        talk.exchange(post(b"a=b"), ok())
        talk.exchange(post(b"a=b"), ok())
        assert harness.stats.http.not_inspected[HttpUninspected.NOT_READY] == 2
        harness.node.waf_set = kept


def test_rules_that_are_not_in_force_yet(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness).open()
        kept, harness.node.waf_set = harness.node.waf_set, 0
        talk.exchange(BAD, ok())
        assert harness.stats.http.not_inspected[HttpUninspected.NOT_READY] == 1
        inspect(harness, closed)
        assert {one.flags & RST for one in talk.say(get())} == {0, RST}
        assert dropped(harness, Reason.HTTP_UNINSPECTED) == 1
        harness.node.waf_set = kept
