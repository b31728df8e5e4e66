"""Scanning a request for rules: what a slot says decides, whatever the database matches."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator

import pytest

from dataplane.base.errors import NativeError
from dataplane.native import abi
from dataplane.native.abi import WafClass
from dataplane.tables.waf_table import WafImage, WafSet, header_name
from dataplane.waf.compiling.engine import Expression
from dataplane.waf.compiling.expressions import FLAGS
from tests.native.harness import TIME, Harness
from tests.native.waf.waf_support import HITS_MAX, Pattern, Waf, image_of, rule

UNION = Pattern(7, "union.*select")
UNION_TEXT = b"id=1 union all select 2"
BYTES_MAX = (1 << 20) + (1 << 17)


@pytest.fixture
def waf(harness: Harness) -> Iterator[Waf]:
    made = Waf(harness)
    yield made
    made.close()


def test_a_rule_that_matches_blocks_and_is_counted_once(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7)
    request = waf.begin()
    for _ in range(3):
        assert waf.scan(request, UNION_TEXT) == 0
    assert waf.end(request)
    assert (request.hits(), request.block) == ([7], 8)
    assert request.block_place.end == UNION_TEXT.index(b"select") + 6
    assert waf.harness.stats.rule_hits[7] == 1
    assert (waf.harness.stats.waf.hits, waf.harness.stats.waf.scans) == (1, 3)


def test_what_matches_nothing_hits_nothing(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7)
    request = waf.begin()
    waf.scan(request, b"union of sets")
    assert not waf.end(request)
    assert request.hits() == []


def test_case_is_not_minded_unless_the_rule_says_so(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION, Pattern(8, "(?-i)union")])])
    waf.put(7)
    waf.put(8)
    assert waf.hits(b"UNION SELECT") == [7]
    assert waf.hits(b"union SELECT") == [7, 8]


def test_bounds_are_those_of_each_value(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [Pattern(1, "^/admin$")])])
    waf.put(1)
    assert waf.hits(b"GET\n/admin\nvalue") == [1]
    assert waf.hits(b"GET\n/admin/x\nvalue") == []


def test_a_request_that_is_not_to_be_counted_is_not(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7)
    assert waf.hits(UNION_TEXT) == [7]
    assert waf.harness.stats.rule_hits[7] == 0


@pytest.mark.parametrize(
    "changes",
    [{"is_enabled": 0}, {"deadline_ds": TIME.boot_ds}, {"is_listed": 1}],
    ids=["disabled", "ended", "for no profile"],
)
def test_a_rule_that_is_not_meant_is_not_hit(waf: Waf, changes: dict[str, int]) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7, **changes)
    assert waf.hits(UNION_TEXT) == []
    waf.put(7)
    assert waf.hits(UNION_TEXT) == [7]


def test_a_rule_that_was_removed_matches_nothing_at_once(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7)
    waf.table.remove([7])
    assert waf.hits(UNION_TEXT) == []


def test_a_rule_that_logs_does_not_block(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7, action=abi.WafAction.LOG)
    request = waf.begin()
    waf.scan(request, UNION_TEXT)
    assert not waf.end(request)
    assert request.hits() == [7]


def test_a_rule_is_for_the_profiles_that_it_names(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7, is_listed=1, profile=[3, 2047])
    found = {profile: waf.hits(UNION_TEXT, profile=profile) for profile in (0, 2, 3, 4, 2047)}
    assert found == {0: [], 2: [], 3: [7], 4: [], 2047: [7]}


def test_profiles_of_a_rule_can_be_changed(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7, is_listed=1, profile=[3, 5])
    waf.put(7, is_listed=1, profile=[5, 6])
    assert [waf.hits(UNION_TEXT, profile=one) for one in (3, 5, 6)] == [[], [7], [7]]


def test_a_slot_that_is_given_again_has_no_profile_of_the_rule_before(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7, is_listed=1, profile=[3])
    waf.table.remove([7])
    waf.put(7, is_listed=1, profile=[4])
    assert [waf.hits(UNION_TEXT, profile=one) for one in (3, 4)] == [[], [7]]


def test_a_rule_for_a_header_looks_at_no_other(waf: Waf) -> None:
    waf.use([(WafClass.HEADER, [Pattern(2, "curl"), Pattern(3, "curl")])])
    waf.put(2, name=[header_name(waf.library, "user-agent"), header_name(waf.library, "via")])
    waf.put(3, name=[header_name(waf.library, "referer")])
    assert waf.hits(b"curl/8", WafClass.HEADER, "User-Agent") == [2]
    assert waf.hits(b"curl/8", WafClass.HEADER, "VIA") == [2]
    assert waf.hits(b"curl/8", WafClass.HEADER, "referer") == [3]
    assert waf.hits(b"curl/8", WafClass.HEADER, "accept") == []


def test_classes_are_scanned_apart(waf: Waf) -> None:
    waf.use([(WafClass.PATH, [Pattern(1, "x")]), (WafClass.BODY, [Pattern(2, "x")])])
    waf.put(1)
    waf.put(2)
    assert waf.classes() == 1 << WafClass.PATH | 1 << WafClass.BODY
    assert waf.hits(b"x", WafClass.PATH) == [1]
    assert waf.hits(b"x", WafClass.BODY) == [2]
    assert waf.hits(b"x", WafClass.QUERY) == []


def test_all_databases_of_a_class_are_scanned_and_a_rule_counts_once(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION]), (WafClass.ANY, [UNION, Pattern(8, "all")])])
    waf.put(7)
    waf.put(8)
    request = waf.begin()
    waf.scan(request, UNION_TEXT)
    waf.end(request)
    assert request.hits() == [7, 8]
    assert [waf.harness.stats.rule_hits[slot] for slot in (7, 8)] == [1, 1]


def test_with_more_hits_than_are_listed_a_rule_that_blocks_still_does(waf: Waf) -> None:
    slots = range(HITS_MAX + 10)
    waf.use([(WafClass.ANY, [Pattern(slot, f"a.{{{slot + 1}}}") for slot in slots])])
    for slot in slots:
        waf.put(slot, action=abi.WafAction.LOG)
    last = slots[-1]
    waf.put(last)
    request = waf.begin()
    waf.scan(request, b"a" * 200)
    assert waf.end(request)
    assert (request.hit_count, request.more) == (HITS_MAX, 1)
    assert request.block == last + 1
    assert waf.harness.stats.waf.cut == 1


def test_nothing_is_scanned_in_nothing(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    waf.put(7)
    assert waf.scan(waf.begin(), b"") == 0
    assert waf.harness.stats.waf.scans == 0


def test_more_than_can_be_scanned_is_an_error(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    assert waf.scan(waf.begin(), b"x" * BYTES_MAX) == 0
    assert waf.scan(waf.begin(), b"x" * (BYTES_MAX + 1)) == -errno.EMSGSIZE


def test_without_a_set_nothing_is_ready_and_nothing_hit(waf: Waf) -> None:
    assert not waf.is_ready
    assert waf.classes() == 0
    assert waf.hits(UNION_TEXT) == []


def test_a_set_says_whether_it_is_all(waf: Waf) -> None:
    waf.use([], is_ready=False)
    assert not waf.is_ready
    waf.use([])
    assert waf.is_ready


def test_scratch_grows_with_what_is_in_force(waf: Waf) -> None:
    waf.use([(WafClass.ANY, [UNION])])
    many = [Pattern(slot, f"[a-z]{{2,9}}q{slot:03}[x-z]+w") for slot in range(300)]
    for slot in range(300):
        waf.put(slot)
    waf.use([(WafClass.ANY, many)])
    assert waf.hits(b"abq017xyzw") == [17]
    waf.use([(WafClass.ANY, [UNION])])
    assert waf.hits(UNION_TEXT) == [7]


def test_an_image_that_is_none_is_refused(waf: Waf) -> None:
    made = WafSet(waf.library, 1)
    with waf.engine.database([Expression(b"x", FLAGS, 1)]) as database:
        data = waf.engine.image(database)
    for damaged in (bytes(256), bytes(data[:-64]), bytes([data[0] ^ 1, *data[1:]])):
        with image_of(waf.library, damaged) as image, pytest.raises(NativeError):
            made.add(WafClass.ANY, image)
    made.close()


@pytest.mark.parametrize(
    "changes",
    [{"slot": abi.RULES_MAX}, {"action": 2}, {"name_count": 9}, {"profile": [2048]}],
)
def test_a_record_out_of_bounds_is_refused(waf: Waf, changes: dict[str, int]) -> None:
    made = rule(1)
    for name, value in changes.items():
        if isinstance(value, list):
            made.profile[: len(value)] = value
            made.profile_count = len(value)
        else:
            setattr(made, name, value)
    with pytest.raises(NativeError, match="Invalid argument"):
        waf.table.put([made])


def test_an_image_has_a_size(library: ctypes.CDLL) -> None:
    for size in (0, (1 << 30) + 1):
        with pytest.raises(NativeError, match="Invalid argument"):
            WafImage(library, size)
