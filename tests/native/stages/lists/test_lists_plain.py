"""The lists stage says the same of plain packets whether all of the burst is plain or not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.harness import TIME, Frame, Harness
from tests.native.tables.lists.lists_support import (
    BLACK,
    NEVER,
    WHITE,
    Oracle,
    first_of,
    ipv4,
    key_bytes,
)

ROUNDS = 60
PASSED = (abi.Verdict.PASS, 0)
GOOD = abi.PacketFlag.CHECKSUM_GOOD
ORIGIN = bytes((198, 51, 100, 1))
COVERED = (0x0A000000, 0xC0000200, 0xDFFFFF00)
"""Here prefixes nest; elsewhere only single addresses are listed, which no key of theirs fills."""
ALONE = (0x64400000, 0xCB007100)
Mix = Callable[[list[Frame]], list[Frame]]
MIXES: dict[str, Mix] = {
    "plain": lambda frames: frames,
    "tagged last": lambda frames: [*frames[:31], tagged(frames[0])],
    "tagged first": lambda frames: [tagged(frames[0]), *frames[:31]],
    "from inside": lambda frames: [*frames[:31], Frame(frames[0].data, abi.Port.INSIDE, GOOD)],
    "all tagged": lambda frames: [tagged(each) for each in frames],
}


def frame(client: int) -> Frame:
    """UDP from a client, padded as Ethernet does: shorter ones are not plain."""
    ip = bytes((0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0)) + client.to_bytes(4, "big") + ORIGIN
    data = bytes(12) + b"\x08\x00" + ip + bytes((0, 53, 0, 53, 0, 8, 0, 0)) + bytes(18)
    return Frame(data, abi.Port.OUTSIDE, GOOD)


def tagged(plain: Frame) -> Frame:
    return Frame(plain.data[:12] + b"\x81\x00\x00\x07" + plain.data[12:], plain.port, plain.flags)


class Pair:
    """The node's lists and the oracle, filled alike: bans and allowances, nested, some over."""

    def __init__(self, harness: Harness, rng: random.Random) -> None:
        self.harness, self.rng, self.oracle = harness, rng, Oracle()
        self.lists = Lists(harness.library, 4096, 4096, 1, rng.randbytes(16))
        entries = []
        for _ in range(400):
            base = rng.choice(COVERED + ALONE)
            length = 32 if base in ALONE else rng.choice((8, 16, 20, 21, 24, 28, 31, 32, 32))
            deadline_ds = rng.choice((NEVER, TIME.boot_ds, TIME.boot_ds + 1))
            address = first_of(ipv4(self.near(base)), 96 + length)
            key = address, 96 + length, rng.choice((BLACK, WHITE))
            self.oracle.put(*key, deadline_ds)
            entries.append((key_bytes(key[0]), *key[1:], deadline_ds))
        assert self.lists.put(pack(entries)) == 0
        assert self.lists.commit()
        self.oracle.commit()
        harness.node.lists = self.lists.address

    def near(self, base: int) -> int:
        return base ^ self.rng.getrandbits(self.rng.choice((2, 5, 8)))

    def client(self) -> int:
        return self.near(self.rng.choice((*COVERED, *ALONE, 0x08080800)))

    def hits(self) -> list[int]:
        found = (self.lists.get(key_bytes(a), n, kind) for a, n, kind in self.oracle.entries)
        return [-1 if entry is None else entry.hits for entry in found]


@pytest.fixture
def pair(harness: Harness, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(harness, random.Random(request.node.name))
    with made.lists:
        yield made


def expected(pair: Pair, clients: Sequence[int], mode: abi.Mode) -> list[tuple[int, bool]]:
    """Verdict and whether the allowlist has spoken, of each; the oracle counts the hits."""
    out: list[tuple[int, bool]] = []
    for client in clients:
        before = {name: entry.hits for name, entry in pair.oracle.entries.items()}
        kind = pair.oracle.verdict(ipv4(client), TIME.boot_ds)
        if kind is BLACK and mode is abi.Mode.OFF:
            for name, hits in before.items():
                pair.oracle.entries[name].hits = hits
        banned = kind is BLACK and mode is abi.Mode.ENFORCE
        out.append((abi.Verdict.DROP if banned else abi.Verdict.PASS, kind is WHITE))
    return out


def clients_of(packets: Sequence[abi.Packet], harness: Harness) -> list[int]:
    starts = ((each, each.client_offset) for each in packets)
    return [int.from_bytes(harness.bytes_of(p)[at : at + 4], "big") for p, at in starts]


@pytest.mark.parametrize("mode", [abi.Mode.ENFORCE, abi.Mode.MONITOR, abi.Mode.OFF])
@pytest.mark.parametrize("mix", MIXES)
def test_a_plain_burst_is_judged_as_any_other(
    pair: Pair, harness: Harness, mix: str, mode: abi.Mode
) -> None:
    harness.set_mode(abi.Reason.BLACKLIST, mode)
    kinds = set()
    for _ in range(ROUNDS):
        count = pair.rng.choice((1, 2, 31, 32))
        packets = harness.run(MIXES[mix]([frame(pair.client()) for _ in range(count)]))
        plain = all(p.flags & abi.PacketFlag.PLAIN and p.port == abi.Port.OUTSIDE for p in packets)
        assert plain is (mix == "plain")
        judged = [packet for packet in packets if packet.port == abi.Port.OUTSIDE]
        wanted = expected(pair, clients_of(judged, harness), mode)
        got = [(p.verdict, bool(p.flags & abi.PacketFlag.ALLOWED)) for p in judged]
        assert got == wanted
        others = [packet for packet in packets if packet.port == abi.Port.INSIDE]
        assert {(p.verdict, p.flags & abi.PacketFlag.ALLOWED) for p in others} <= {PASSED}
        kinds.update(wanted)
    assert pair.hits() == [entry.hits for entry in pair.oracle.entries.values()]
    assert len(kinds) == (3 if mode is abi.Mode.ENFORCE else 2)  # all of it has occurred


def test_a_plain_burst_that_was_handed_over_is_judged(pair: Pair, harness: Harness) -> None:
    harness.node.lists = 0  # the lcore that received it has not come to the lists
    harness.run([frame(pair.client()) for _ in range(32)])
    harness.node.lists = pair.lists.address
    packets = harness.resume()
    wanted = expected(pair, clients_of(packets, harness), abi.Mode.ENFORCE)
    assert [(p.verdict, bool(p.flags & abi.PacketFlag.ALLOWED)) for p in packets] == wanted


def test_the_gaps_that_sanity_leaves_do_not_shift_verdicts(pair: Pair, harness: Harness) -> None:
    loopback = 0x7F000001
    clients = [loopback if i % 3 == 0 else pair.client() for i in range(32)]
    packets = harness.run([frame(client) for client in clients])
    kept = [packet for packet, client in zip(packets, clients, strict=True) if client != loopback]
    wanted = expected(pair, clients_of(kept, harness), abi.Mode.ENFORCE)
    assert [(p.verdict, bool(p.flags & abi.PacketFlag.ALLOWED)) for p in kept] == wanted
    assert pair.hits() == [entry.hits for entry in pair.oracle.entries.values()]


def test_a_burst_of_which_nothing_is_left_is_no_harm(pair: Pair, harness: Harness) -> None:
    packets = harness.run([frame(0x7F000001)] * 32)
    assert {packet.reason for packet in packets} == {abi.Reason.SOURCE_LOOPBACK}
    assert harness.burst.live_count == 0
    assert not any(pair.hits())
