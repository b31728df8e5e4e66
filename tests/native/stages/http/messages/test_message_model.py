"""Requests, good, odd and damaged: C and its twin say the same about each.

``SECBEAT_MODEL_SEED`` and ``SECBEAT_MODEL_CASES`` choose another seed and more requests.
"""

from __future__ import annotations

import ctypes
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.model.stages.http.framing.message import read_request
from dataplane.model.stages.http.framing.request import Progress as Reached
from dataplane.model.stages.http.framing.request import Request
from tests.native.stages.http.http_support import Driver, Message, Parsed, Progress
from tests.native.stages.http.messages.test_message import GOOD
from tests.native.stages.http.peers.disagreements import Case, cases
from tests.native.stages.http.peers.request_parts import get

SEED = int(os.environ.get("SECBEAT_MODEL_SEED", "20261129"))
CASES = int(os.environ.get("SECBEAT_MODEL_CASES", "8000"))
ALL = list(cases())
CONNECTIONS = [
    get(b"/", version=version)[:-2] + b"%s: %s\r\n\r\n" % (name, value)
    for version in (b"HTTP/1.0", b"HTTP/1.1")
    for name in (b"Connection", b"Proxy-Connection")
    for value in (
        *(
            b"close",
            b"Close",
            b"close, keep-alive",
            b"Keep-Alive",
            b"keep-alive,close",
            b"x, close",
        ),
        *(
            b"close ",
            b"close\t",
            b"\tclose",
            b"close\t, x",
            b"x,\tclose",
            b"closed",
            b"x close",
            b"",
        ),
        *(
            b",close",
            b"close,",
            b" , close",
            b"upgrade, close",
            b"keep-alive, Upgrade",
            b"upgradex",
        ),
    )
]
SAMPLES = [*CONNECTIONS, *(case.data for case in ALL if len(case.data) < 1000), *GOOD.values()]
PARTS = sorted({part + b"\r\n" for data in SAMPLES for part in data.split(b"\r\n")})
"""Lines that are known to matter."""
BYTES = b'\r\n\t :;,="\\/?#@[]()*%.-_\0\x01\x0b\x0c\x7f\x80\x85\xa0\xff0159afAFGHhRIxX'
TEXTS = ("method", "target", "path", "query", "host", "boundary")


@pytest.fixture(scope="module")
def driver(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(library, tmp_path_factory.mktemp("driver"))


def known(found: Parsed) -> dict[str, object]:
    """What both must say; once the head is complete, all."""
    said: dict[str, object] = {"progress": found.progress}
    if found.progress is not Progress.BODY:
        said["faults"] = found.faults
    if found.progress is not Progress.BROKEN:
        said["fed"] = found.fed
    if found.progress in {Progress.BODY, Progress.COMPLETE}:
        said |= {name: getattr(found, name) for name in TEXTS}
        if "MULTIPART_BOUNDARY" in found.faults:
            del said["boundary"]
        said |= {"head_size": found.head_size, "framing": found.framing}
        said |= {"content": found.content, "content_length": found.content_length}
        said |= {"headers": found.headers, "flags": found.flags}
    if found.progress is Progress.COMPLETE:
        said["trailers"] = tuple((name, value.strip(b" \t")) for name, value in found.trailers)
    return said


def modelled(request: Request) -> Parsed:
    """The same of the twin."""

    def pairs(headers: list[object]) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((one.name, one.value) for one in headers)  # type: ignore[attr-defined]

    return Parsed(
        Progress(request.progress),
        request.fed,
        frozenset(request.faults),
        framing=request.framing,  # type: ignore[arg-type]
        content_length=request.content_length,
        head_size=request.head_size,
        content=request.content,  # type: ignore[arg-type]
        flags=frozenset(request.flags),
        **{name: getattr(request, name) for name in TEXTS},
        headers=pairs(list(request.headers)),
        trailers=pairs(list(request.trailers))[:16],
    )


def assert_same(driver: Driver, data: bytes, cuts: list[int] | None = None) -> None:
    request = read_request(data)
    found = driver.parse(data, cuts or [])
    assert known(found) == known(modelled(request)), data
    if request.progress in {Reached.BODY, Reached.COMPLETE}:
        with Message(driver) as message:
            message.feed(data)
            message.feed(data)
            assert message.content(data, len(data)) == request.body, data


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_twin_finds_what_servers_disagree_about(case: Case) -> None:
    request = read_request(case.data)
    wanted = Reached.BROKEN if case.is_broken else Reached.COMPLETE
    assert (request.faults, request.progress) == (case.faults, wanted)


@pytest.mark.parametrize("data", SAMPLES, ids=range(len(SAMPLES)))
def test_they_agree_on_every_beginning(driver: Driver, data: bytes) -> None:
    for size in range(1, len(data) + 1):
        assert_same(driver, data[:size])


def damaged(rng: random.Random) -> bytes:
    """A sample with some bytes replaced, put in or taken out, and lines put in or changed."""
    made = bytearray(rng.choice(SAMPLES))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(len(made))
        match rng.randrange(5):
            case 0:
                made[at] = rng.choice(BYTES)
            case 1:
                made.insert(at, rng.choice(BYTES))
            case 2:
                del made[at]
            case 3:
                lines = bytes(made).split(b"\r\n")
                lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(PARTS)[:-2])
                made = bytearray(b"\r\n".join(lines))
            case _:
                made[at] = rng.randrange(256)
        if not made:
            return b"G"
    return bytes(made)


@pytest.mark.parametrize("part", range(8))
def test_they_agree_on_damaged_requests(driver: Driver, part: int) -> None:
    rng = random.Random(SEED * 8 + part)
    for _ in range(CASES // 8):
        data = damaged(rng)
        cuts = sorted(rng.sample(range(1, len(data) + 1), min(len(data), rng.randrange(4))))
        assert_same(driver, data, cuts)


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(st.sampled_from(PARTS), min_size=1, max_size=9).map(b"".join), seed=st.randoms()
)
def test_they_agree_on_lines_in_any_order(driver: Driver, data: bytes, seed: random.Random) -> None:
    assert_same(driver, data, [seed.randrange(1, len(data) + 1)])
