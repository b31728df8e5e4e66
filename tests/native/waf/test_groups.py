"""Groups of rules: what a profile says of one acts on all of its rules, without a compile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from dataplane.base.errors import NativeError
from dataplane.native import abi
from dataplane.native.abi import Mode, WafAction, WafClass
from dataplane.policy import compile_policy, fill_profile, parse_policy
from dataplane.tables.policy_table import PolicyTable
from tests.native.harness import Harness
from tests.native.waf.waf_support import HITS_MAX, Pattern, Waf, rule

XSS, SCANNERS = 1, 127
"""Of both words of a profile."""
INDICES = {"xss": XSS, "scanners": SCANNERS}


@pytest.fixture
def waf(harness: Harness) -> Iterator[Waf]:
    made = Waf(harness)
    made.use([(WafClass.ANY, [Pattern(1, "script"), Pattern(2, "nikto"), Pattern(3, "other")])])
    made.put(1, group=XSS)
    made.put(2, group=SCANNERS)
    made.put(3)
    yield made
    made.close()


def switch(waf: Waf, groups: Mapping[str, str]) -> None:
    """The groups of the default profile, as a policy says them."""
    document = {"name": "x", "rules": [{"type": "waf", "groups": groups}]}
    (profile,) = compile_policy(parse_policy(document))

    def fill(table: PolicyTable) -> None:
        fill_profile(table.add(0), profile, INDICES)

    waf.harness.use_policy(fill)


@pytest.mark.parametrize(
    ("groups", "hit"),
    [
        ({}, [1, 2, 3]),
        ({"xss": "off"}, [2, 3]),
        ({"scanners": "off", "xss": "enforce"}, [1, 3]),
        ({"scanners": "monitor", "xss": "off"}, [2, 3]),
    ],
)
def test_rules_of_a_group_that_is_off_match_nothing(
    waf: Waf, groups: Mapping[str, str], hit: list[int]
) -> None:
    switch(waf, groups)
    assert waf.hits(b"script nikto other") == hit


def test_rules_of_a_group_that_is_watched_block_nothing(waf: Waf) -> None:
    switch(waf, {"xss": "monitor"})
    request = waf.begin()
    waf.scan(request, b"script")
    assert not waf.end(request)
    assert (request.hits(), request.block, request.block_mode) == ([1], 2, Mode.MONITOR)


def test_a_rule_that_blocks_comes_before_one_whose_group_is_watched(waf: Waf) -> None:
    switch(waf, {"xss": "monitor"})
    request = waf.begin()
    waf.scan(request, b"script")
    waf.scan(request, b"a script by nikto, the other")
    assert waf.end(request)
    assert (request.block, request.block_mode) == (3, Mode.ENFORCE)
    assert request.block_place.end == 17


def test_a_rule_that_only_logs_stays_so(waf: Waf) -> None:
    waf.put(1, group=XSS, action=WafAction.LOG)
    switch(waf, {"xss": "monitor"})
    request = waf.begin()
    waf.scan(request, b"script")
    waf.end(request)
    assert (request.hits(), request.block) == ([1], 0)


def test_however_many_watched_rules_are_hit_the_one_that_blocks_is_found(waf: Waf) -> None:
    many = range(10, 10 + HITS_MAX + 5)
    waf.use([(WafClass.ANY, [*(Pattern(slot, "x") for slot in many), Pattern(100, "y")])])
    for slot in many:
        waf.put(slot, group=XSS)
    waf.put(100)
    switch(waf, {"xss": "monitor"})
    request = waf.begin()
    waf.scan(request, b"x y")
    assert waf.end(request)
    assert (request.block, request.more) == (101, 1)


def test_a_request_whose_profile_is_no_more_is_judged_by_all_groups(waf: Waf) -> None:
    switch(waf, {"xss": "off"})
    assert waf.hits(b"script", profile=9) == [1]


@pytest.mark.parametrize(
    "field", [{"group": abi.RULE_GROUPS_MAX}, {"severity": abi.SEVERITY_COUNT}], ids=str
)
def test_a_group_or_severity_out_of_bounds_is_refused(waf: Waf, field: dict[str, int]) -> None:
    with pytest.raises(NativeError):
        waf.table.put([rule(1, **field)])
