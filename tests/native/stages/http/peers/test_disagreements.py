"""Where servers read a request differently, the node says so, however the request was cut."""

from __future__ import annotations

import ctypes
import re

import pytest

from tests.native.stages.http.http_support import FASTPATH, FAULTS, Driver, Progress
from tests.native.stages.http.peers.disagreements import Case, cases

OF_BODIES = {
    *("MULTIPART_END", "MULTIPART_ENCODING", "MULTIPART_SYNTAX", "BODY_CHARSET"),
    *("PATH_ESCAPE", "PATH_ROOT"),
}
"""Who reads paths and bodies finds them."""
OF_CONNECTIONS = {"AFTER_CLOSE"}
LEFT = {"UNPARSED"}
"""What an error of llhttp is that no request is known for."""
ALL = list(cases())
CUTS_MAX = 1500
"""Longer requests are cut at every 16th byte."""


@pytest.fixture(scope="module")
def driver(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(library, tmp_path_factory.mktemp("driver"))


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_it_is_found(driver: Driver, case: Case) -> None:
    found = driver.parse(case.data)
    wanted = Progress.BROKEN if case.is_broken else Progress.COMPLETE
    assert (found.faults, found.progress) == (case.faults, wanted)
    if not case.is_broken:
        assert found.fed == len(case.data)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_it_is_found_however_it_is_cut(driver: Driver, case: Case) -> None:
    whole = driver.parse(case.data)
    step = 1 if len(case.data) < CUTS_MAX else 16
    for cut in range(1, len(case.data), step):
        found = driver.parse(case.data, [cut])
        assert (found.faults, found.progress) == (whole.faults, whole.progress), cut
    found = driver.parse(case.data, range(1, len(case.data), step))
    assert (found.faults, found.progress) == (whole.faults, whole.progress)


def test_every_fault_of_a_message_is_among_them() -> None:
    met = frozenset[str]().union(*(case.faults for case in ALL))
    assert met == set(FAULTS) - OF_BODIES - OF_CONNECTIONS - LEFT


@pytest.mark.parametrize("line", [b"GET /\r", b"GET /\n", b"GET / \r", b"GET / \n", b"GET /?a#b\r"])
def test_what_is_a_whole_request_for_http_0_9_is_refused_with_its_line(
    driver: Driver, line: bytes
) -> None:
    for cuts in ([], [len(line) - 1], range(1, len(line))):
        assert driver.parse(line, cuts).progress is Progress.BROKEN


def test_each_is_documented() -> None:
    text = (FASTPATH.parents[1] / "docs" / "http-framing.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `http_(\w+)` \|", text, re.M))
    assert rows == {name.lower() for name in set(FAULTS) - OF_BODIES}
