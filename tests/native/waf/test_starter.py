"""The starter rules: each finds its attacks, however they are encoded, and no honest request.

``python -m bench.waf.corpus`` measures them on what sqlmap and Wapiti send.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.waf.benign import Benign, requests
from bench.waf.carriers import CARRIERS, request_of, texts_of
from bench.waf.payloads import Payload
from dataplane.waf.compiling.admission import Candidate, Examination
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.expressions import FLAGS
from dataplane.waf.compiling.matching import Matcher
from dataplane.waf.document import ANY, PATTERN_BYTES_MAX, SEVERITIES
from dataplane.waf.starter import GROUPS, StarterRule, starter_rules

RULES = {rule.id: rule for rule in starter_rules()}
TAKEN_WRONGLY_MAX = 0.02
OF_REQUESTS = "scanners"
"""Rules about heads, not values."""
FOLDED_AWAY = {"path-nul", "command-alone"}
"""Of their attacks one is a NUL or a line end, which the folded form has not: once is enough."""
FOLDED = ("encoded twice", "%u", "references of HTML")
VALUES = [rule for rule in RULES.values() if rule.group != OF_REQUESTS]


@pytest.fixture(scope="module")
def matcher() -> Iterator[Matcher]:
    with Matcher([rule.pattern.encode() for rule in RULES.values()], FLAGS) as made:
        yield made


def found_by(matcher: Matcher, request: Benign) -> set[str]:
    names = list(RULES)
    return {names[hit] for hit in matcher.hits(texts_of(request))}


def test_there_are_rules_of_every_group_and_no_id_is_there_twice() -> None:
    assert {rule.group for rule in RULES.values()} == set(GROUPS)
    assert len(RULES) == len(list(starter_rules()))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_admitted_alone(rule: StarterRule) -> None:
    assert len(rule.pattern.encode()) <= PATTERN_BYTES_MAX
    assert rule.severity in SEVERITIES
    assert rule.title
    (verdict,) = Examination(Engine(), [Candidate(rule.pattern, ANY)]).run()
    assert verdict.refusal is None, verdict.refusal


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_finds_its_attacks_and_no_look_alike(rule: StarterRule) -> None:
    assert len(rule.attacks) >= 2
    assert len(rule.benign) >= 2
    with Matcher([rule.pattern.encode()], FLAGS) as alone:
        assert [one for one in rule.attacks if not alone.hits([one.encode()])] == []
        assert [one for one in rule.benign if alone.hits([one.encode()])] == []


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("group", [group for group in GROUPS if group != OF_REQUESTS])
def test_an_attack_is_found_wherever_and_however_it_is_carried(
    matcher: Matcher, group: str, carrier: str
) -> None:
    missed = [
        (rule.id, attack)
        for rule in VALUES
        for attack in rule.attacks
        if rule.group == group
        and not found_by(matcher, request_of(Payload(group, attack, "example"), carrier))
        and not (rule.id in FOLDED_AWAY and carrier in FOLDED)
    ]
    assert missed == []


def test_honest_requests_are_seldom_taken_for_attacks(matcher: Matcher) -> None:
    sent = list(requests())
    taken = [one for one in sent if found_by(matcher, one)]
    assert len(taken) / len(sent) <= TAKEN_WRONGLY_MAX, [one.note for one in taken]


def test_pages_and_cookies_are_never_taken_for_attacks(matcher: Matcher) -> None:
    sent = [one for one in requests() if one.kind in {"page", "cookie"}]
    assert len(sent) > 50
    assert [one.target for one in sent if found_by(matcher, one)] == []
