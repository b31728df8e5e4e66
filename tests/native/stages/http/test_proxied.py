"""Inspection behind the SYN proxy: what it held is inspected, and numbers are the client's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dataplane.native.abi import Profile, Reason, SynProxy
from dataplane.tables.lists import HASH_KEY_BYTES
from dataplane.tables.syn_proxy_table import CookieSecrets, SynProxyTable
from tests.native.connections.syn.syn_proxy_support import (
    CLIENT_TIME,
    FULL,
    HOST,
    HOST_ISN,
    HOST_TIME,
    ISN,
    ROOM,
    SECRET,
    UTC_MS,
    Seen,
    answered,
    learn,
    segment,
    step,
    syn,
    times,
)
from tests.native.harness import Frame, Harness
from tests.native.stages.http.stream_support import (
    INSIDE,
    OUTSIDE,
    dropped,
    get,
    inspecting,
    ok,
)

BAD, GOOD = get(b"/?q=attack"), get()
MODULUS = 1 << 32


def always(profile: Profile) -> None:
    profile.syn_proxy = SynProxy.ALWAYS


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    with (
        inspecting(harness, fill=always),
        SynProxyTable(harness.library, ROOM, bytes(range(HASH_KEY_BYTES))) as table,
    ):
        harness.lcore.syn_proxy = table.address
        CookieSecrets(harness.node, SECRET).update(UTC_MS)
        yield harness
        harness.lcore.syn_proxy = 0


class Proxied:
    """A connection that is opened; ``first``: bytes of the client that wait for the host."""

    def __init__(self, node: Harness, like: bytes, first: bytes = b"") -> None:
        self.node, self.like = node, like
        learn(node, like)
        answer = answered(node, syn(like, FULL))
        self.cookie, self.told = answer.tcp.seq, answer.options["Timestamp"][0]
        (opening,) = step(node, self.client(b"", 0))
        assert (opening.port, opening.flags) == (INSIDE, "S")
        if first:
            assert step(node, self.client(first, 0)) == []
        self.out = step(node, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=HOST))

    def client(self, payload: bytes, at: int, received: int = 0) -> Frame:
        """Bytes of the client from one on."""
        return segment(
            *(self.like, OUTSIDE, "PA" if payload else "A", ISN + 1 + at),
            *(self.cookie + 1 + received, payload),
            options=times(CLIENT_TIME + 9, self.told),
        )

    def host(self, payload: bytes, at: int, received: int) -> Frame:
        """Bytes of the host from one on."""
        return segment(
            *(self.like, INSIDE, "PA", HOST_ISN + 1 + at, ISN + 1 + received, payload),
            options=times(HOST_TIME + 7, CLIENT_TIME + 9),
        )


def parted(out: list[Seen]) -> tuple[Seen, Seen]:
    """What the client got, and the host."""
    client, host = sorted(out, key=lambda one: one.port)
    assert (client.port, host.port, host.flags) == (OUTSIDE, INSIDE, "R")
    return client, host


def test_what_was_held_passes(node: Harness, like: bytes) -> None:
    talk = Proxied(node, like, GOOD)
    assert [bytes(one.tcp.payload) for one in talk.out] == [b"", GOOD]
    assert node.stats.http.requests == 1
    (response,) = step(node, talk.host(ok(), 0, len(GOOD)))
    assert response.tcp.seq == (talk.cookie + 1) % MODULUS
    assert node.stats.http.responses[2] == 1


def test_what_was_held_is_inspected(node: Harness, like: bytes) -> None:
    talk = Proxied(node, like, BAD)
    assert len(talk.out) == 3
    page, reset = parted([one for one in talk.out if one.flags != "A"])
    assert page.tcp.seq == (talk.cookie + 1) % MODULUS
    assert page.tcp.ack == (ISN + 1 + len(BAD)) % MODULUS
    assert reset.tcp.seq == ISN + 1
    assert dropped(node, Reason.WAF_RULE) == 1


def test_a_page_is_numbered_as_the_client_counts(node: Harness, like: bytes) -> None:
    talk = Proxied(node, like, GOOD)
    step(node, talk.host(ok(), 0, len(GOOD)))
    page, reset = parted(step(node, talk.client(BAD, len(GOOD), len(ok()))))
    assert page.flags == "FPA"
    assert page.tcp.seq == (talk.cookie + 1 + len(ok())) % MODULUS
    assert page.tcp.ack == (ISN + 1 + len(GOOD) + len(BAD)) % MODULUS
    value, echo = page.options["Timestamp"]
    assert echo == CLIENT_TIME + 9
    assert 0 < (value - talk.told) % MODULUS < MODULUS // 2
    assert reset.tcp.seq == ISN + 1 + len(GOOD)


def test_without_a_page_the_client_s_reset_is(node: Harness, like: bytes) -> None:
    talk = Proxied(node, like, GOOD)
    client, reset = parted(step(node, talk.client(BAD, len(GOOD))))
    assert (client.flags, client.tcp.seq) == ("R", (talk.cookie + 1) % MODULUS)
    assert reset.tcp.seq == ISN + 1 + len(GOOD)


def test_afterwards_both_are_answered_in_their_numbers(node: Harness, like: bytes) -> None:
    talk = Proxied(node, like, GOOD)
    step(node, talk.client(BAD, len(GOOD)))
    (again,) = step(node, talk.client(b"more", len(GOOD)))
    assert (again.port, again.flags) == (OUTSIDE, "R")
    assert again.tcp.seq == (talk.cookie + 1) % MODULUS
    (again,) = step(node, talk.host(b"", 0, 77))
    assert (again.port, again.flags, again.tcp.seq) == (INSIDE, "R", ISN + 1 + 77)
