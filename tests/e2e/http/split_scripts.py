"""Scripts of segments that carry a bad request, as no kernel sends them.

The request is cut, reordered, sent twice, or mixed with copies of other content.
"""

from __future__ import annotations

import itertools
import random

from tests.support.http_peers.inspection import HARMLESS, MARKER
from tests.support.http_peers.segments import ACK, FIN, PSH, RST, SYN, Script, Segment

ATTACK = b"GET /?q=" + MARKER + b" HTTP/1.1\r\nHost: a\r\n\r\n"
GOOD = ATTACK.replace(MARKER, HARMLESS)
SIZE = len(ATTACK)
BEGIN = ATTACK.index(MARKER)
END = BEGIN + len(MARKER)
CHUNKED = (
    b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"8\r\n" + MARKER[:8] + b"\r\n5\r\n" + MARKER[8:] + b"\r\n0\r\n\r\n"
)
SEED = 20_261_129
NEVER = 5
"""Hops: too few to reach the origin, who stands in for a router and drops that."""


def cut(data: bytes, *at: int) -> list[Segment]:
    """The stream in segments that end there."""
    bounds = [0, *at, len(data)]
    return [part(data, *pair) for pair in itertools.pairwise(bounds)]


def part(data: bytes, begin: int, end: int, **spoilt: int) -> Segment:
    return Segment(begin, data[begin:end], **spoilt)


def in_order(data: bytes) -> list[Script]:
    """Cut in two at every byte; in single bytes."""
    return [cut(data, at) for at in range(1, len(data))] + [cut(data, *range(1, len(data)))]


def out_of_order(data: bytes) -> list[Script]:
    """The second part first; backwards; shuffled."""
    shuffled = cut(data, *range(3, len(data), 3))
    random.Random(SEED).shuffle(shuffled)
    backwards = cut(data, *range(1, len(data)))[::-1]
    return [cut(data, at)[::-1] for at in range(1, len(data))] + [backwards, shuffled]


def overlapping(data: bytes) -> list[Script]:
    """Parts sent twice, and more than once in one segment."""
    size = len(data)
    scripts: list[Script] = []
    for at in range(4, size, 3):
        scripts += [
            [part(data, 0, at), part(data, at - 4, size)],
            [part(data, 0, at), part(data, 0, size)],
            [part(data, at - 4, size), part(data, 0, at)],
            [part(data, 0, at), part(data, 0, at), part(data, 0, at), part(data, at, size)],
        ]
    return scripts


SHAPES = {"in order": in_order, "out of order": out_of_order, "overlapping": overlapping}


def named() -> dict[str, Script]:
    """What Linux keeps of each, as measured: the bad copy. See the stream's documentation."""
    middle = (BEGIN - 2, END + 2)
    return {
        "the first of a range out of order": [
            part(ATTACK, *middle),
            part(GOOD, *middle),
            part(GOOD, END + 2, SIZE),
            part(GOOD, 0, BEGIN - 2),
        ],
        "the first where the second lies inside": [
            part(ATTACK, BEGIN - 2, SIZE),
            part(GOOD, BEGIN, END),
            part(GOOD, 0, BEGIN - 2),
        ],
        "the first where the second overlaps to its right": [
            part(ATTACK, BEGIN - 2, END),
            part(GOOD, BEGIN, SIZE),
            part(GOOD, 0, BEGIN - 2),
        ],
        "the second where it covers the first": [
            part(GOOD, BEGIN, END),
            part(ATTACK, BEGIN - 2, SIZE),
            part(GOOD, 0, BEGIN - 2),
        ],
        "the second where it begins further left": [
            part(GOOD, BEGIN, END + 4),
            part(ATTACK, BEGIN - 2, END),
            part(GOOD, END, SIZE),
            part(GOOD, 0, BEGIN - 2),
        ],
        "the second where it fills the hole": [
            part(GOOD, BEGIN, SIZE),
            part(ATTACK, 0, END),
            part(GOOD, END, SIZE),
        ],
        "a bad checksum": [part(GOOD, 0, END, checksum_off=1), *cut(ATTACK, END)],
        "no ACK": [part(GOOD, 0, END, flags=PSH), *cut(ATTACK, END)],
        "an old timestamp": [part(GOOD, 0, END, timestamp_off=-5000), *cut(ATTACK, END)],
        "an acknowledgment of what was not sent": [
            part(GOOD, 0, END, acknowledgment_off=100_000),
            *cut(ATTACK, END),
        ],
        "a SYN in mid-stream": [part(GOOD, 0, END, flags=SYN), *cut(ATTACK, END)],
        "beyond the window": [Segment(0x4000_0000, GOOD), *cut(ATTACK, END)],
        "a reset with a bad checksum": [
            part(ATTACK, 0, END),
            Segment(END, b"", RST, checksum_off=1),
            part(ATTACK, END, SIZE),
        ],
        "a reset in the window that is not exact": [
            part(ATTACK, 0, END),
            Segment(END + 7, b"", RST),
            part(ATTACK, END, SIZE),
        ],
        "an end with a bad checksum": [
            part(ATTACK, 0, END),
            Segment(END, b"", FIN | ACK, checksum_off=1),
            part(ATTACK, END, SIZE),
        ],
        "an end behind a hole": [
            part(ATTACK, 0, BEGIN),
            part(ATTACK, END, SIZE, flags=FIN | PSH | ACK),
            part(ATTACK, BEGIN, END),
        ],
        "a byte before the window": [
            part(ATTACK, 0, BEGIN),
            Segment(BEGIN - 1, b"?"),
            part(ATTACK, BEGIN, SIZE),
        ],
        "a copy that never arrives": [part(GOOD, 0, END, ttl=NEVER), *cut(ATTACK, END)],
        "a reset that never arrives": [
            part(ATTACK, 0, END),
            Segment(END, b"", RST, ttl=NEVER),
            part(ATTACK, END, SIZE),
        ],
        "a reset behind bytes that never arrive": [
            part(ATTACK, 0, END),
            Segment(END, b"x" * 50, ttl=NEVER),
            Segment(END + 50, b"", RST),
            part(ATTACK, END, SIZE),
        ],
        "an end that never arrives": [
            part(ATTACK, 0, END),
            Segment(END, b"", FIN | ACK, ttl=NEVER),
            part(ATTACK, END, SIZE),
        ],
        "a request that never arrives": [
            part(GOOD, 0, SIZE, ttl=NEVER),
            part(ATTACK, 0, SIZE),
        ],
        "options of IP": [part(ATTACK, 0, END, with_options=True), *cut(ATTACK, END)],
        "data that is pushed with the end": [part(ATTACK, 0, SIZE, flags=FIN | PSH | ACK)],
        "retransmitted bytes are others": [
            part(GOOD, 0, END),
            part(ATTACK, 0, END),
            part(GOOD, END, SIZE),
        ],
    }


NAMED = named()
SPOILT = [{"checksum_off": 1}, {"timestamp_off": -5000}, {"flags": PSH}, {"ttl": NEVER}]


def mixture(choice: random.Random) -> Script:
    """Segments of either copy, one of them spoilt now and then, and in the end all of the rest."""
    ends = [0, BEGIN - 2, BEGIN, BEGIN + 5, END - 3, END, END + 2, SIZE]
    script = []
    for _ in range(choice.randint(1, 4)):
        begin, end = sorted(choice.sample(ends, 2))
        spoilt = choice.choice(SPOILT) if choice.random() < 0.25 else {}
        script.append(part(choice.choice([ATTACK, GOOD]), begin, end, **spoilt))
    at = choice.choice(ends[1:-1])
    rest = cut(choice.choice([ATTACK, GOOD]), at)
    return [*script, *(rest if choice.random() < 0.5 else rest[::-1])]
