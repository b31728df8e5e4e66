"""Where servers read a request differently, the node refuses it or inspects every reading.

Each request of `disagreements` goes to nginx, Apache, Gunicorn and HAProxy, once with a word
that a rule blocks and once with a harmless one. What counts is what the servers say they have read.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.http_peers.disagreements import CASES
from tests.support.http_peers.disagreements.case import WORD_SIZE, Case
from tests.support.http_peers.exchange import BRIEF_S, PATIENT_S, Answer, Sending, dropped, send_all
from tests.support.http_peers.inspection import HARMLESS, MARKER, ORIGINS
from tests.support.http_peers.servers import PORTS, Servers
from tests.support.instances.lab import Lab, assert_ledgers

UNSERVED = {400, 408, 413, 414, 417, 431, 501, 505}
Answers = dict[tuple[str, str, bytes], Answer]
"""By case, server and word."""


def test_every_case_has_a_name_of_its_own():
    assert [name for name, n in Counter(case.name for case in CASES).items() if n > 1] == []


def words(index: int) -> dict[bytes, bytes]:
    """What to put in place of the $, by the word that it begins with: one of the case's own."""
    found = {word: word + b"%03d" % index for word in (MARKER, HARMLESS)}
    assert {len(text) for text in found.values()} == {WORD_SIZE}
    return found


def is_to_be_stopped(case: Case, word: bytes) -> bool:
    """Its connection ends, so that nobody need guess how long to wait."""
    return case.outcome == "refused" or (word == MARKER and b"$" in case.data)


def is_stopped(answer: Answer) -> bool:
    """By the node, or by the server before it had all of it."""
    return answer.is_refused or bool(answer.statuses and answer.statuses[-1] in UNSERVED)


@pytest.fixture(scope="module")
def counted(lab: Lab, rule: str) -> dict[str, int]:
    """What was dropped before."""
    return dropped(lab)


@pytest.fixture(scope="module")
def answers(lab: Lab, counted: dict[str, int], real: Servers) -> Answers:
    """Of all at once, as each waits for what may not come."""
    found: Answers = {}
    for patience_s, is_ended in ((PATIENT_S, True), (BRIEF_S, False)):
        asked = {
            (case.name, server, word): Sending(port, [case.data.replace(b"$", text)])
            for index, case in enumerate(CASES)
            for word, text in words(index).items()
            for server, port in PORTS.items()
            if is_ended == is_to_be_stopped(case, word)
        }
        answers = send_all(lab, ORIGINS["ipv4"], asked.values(), patience_s)
        found.update(zip(asked, answers, strict=True))
    return found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_server_reads_what_was_not_inspected(answers: Answers, real: Servers, case: Case):
    index = CASES.index(case)
    text = words(index)
    seen = real.all_seen()
    for server in PORTS:
        if b"$" in case.data:
            bad = answers[case.name, server, MARKER]
            assert is_stopped(bad), (server, bad)
        good = answers[case.name, server, HARMLESS]
        if case.outcome == "refused":
            assert is_stopped(good), (server, good)
        if case.outcome == "inspected":
            assert not good.is_refused, (server, good)
    assert text[MARKER].decode() not in seen
    if case.outcome == "refused":
        assert text[HARMLESS].decode() not in seen


def test_each_is_refused_for_its_own_reason(lab: Lab, answers: Answers, counted: dict[str, int]):
    after = dropped(lab)
    wanted = Counter(case.reason for case in CASES if case.reason)
    # Of the harmless one to each server: a bad one may be refused for the word before.
    least = {str(reason): len(PORTS) * count for reason, count in wanted.items()}
    found = {reason: after.get(reason, 0) - counted.get(reason, 0) for reason in least}
    assert {r: (found[r], n) for r, n in least.items() if found[r] < n} == {}
    assert_ledgers(lab.quiet_stats())


def test_servers_do_read_what_passes(answers: Answers, real: Servers):
    """Or nothing of this would be a test."""
    seen = real.all_seen()
    passes = [i for i, case in enumerate(CASES) if case.outcome == "inspected"]
    unread = [CASES[i].name for i in passes if words(i)[HARMLESS].decode() not in seen]
    assert len(unread) < len(passes) / 4, unread
