"""The types of rules: each is one file, registered once, documented, described where it differs."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dataplane.detection.thresholds import DEFAULT, Thresholds, WantedResponse
from dataplane.native import abi
from dataplane.policy import (
    RULES,
    PolicyDocument,
    changes,
    compile_policy,
    fill_profile,
    parse_policy,
    rules,
)
from dataplane.policy.rule import Rule
from tests.support.documents.policy_limits import Document, edges

TREE = Path(__file__).parents[3]
EMPTY = PolicyDocument(name="x")
COMMON = {"type", "action"}
"""Fields of every rule."""
WITHOUT_FIELDS = {"fragments", "bogons", "waf"}


def documents() -> list[Document]:
    """A policy at the limit of every field."""
    return [edge.at for edge in edges()]


def written(kind: str) -> list[dict[str, Any]]:
    """Every rule of that type in them."""
    found = [rule for document in documents() for rule in document.get("rules", ())]
    return [rule for rule in found if rule["type"] == kind]


GROUPS = defaultdict[str, int](count().__next__)
"""An index for each group that any of them names, the same in all."""


def compiled(document: Document) -> bytes:
    """What the packet path is told by the default profile."""
    profile = abi.Profile()
    fill_profile(profile, compile_policy(parse_policy(document))[0], GROUPS)
    return bytes(profile)


def thresholds(document: Document) -> Thresholds:
    """What detection is told by the default profile."""
    return compile_policy(parse_policy(document))[0].thresholds


def test_each_type_is_one_file_and_each_file_is_registered() -> None:
    folder = Path(str(rules.__file__)).parent
    files = {path.stem for path in folder.rglob("*.py")} - {"__init__"}
    assert files == RULES.keys()
    homes = {kind: model.__module__.rpartition(".")[2] for kind, model in RULES.items()}
    assert homes == {kind: kind for kind in RULES}


def test_each_reason_is_of_one_type() -> None:
    found = [reason for model in RULES.values() for reason in model.REASONS]
    assert len(found) == len(set(found))


def test_each_type_has_its_row_in_the_documentation() -> None:
    text = (TREE / "docs" / "policy.md").read_text(encoding="utf-8")
    section = text[text.index("\n## Rules") + 1 :]
    table = section[: section.index("\n## ")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == RULES.keys()


@pytest.mark.parametrize("kind", sorted(RULES.keys() - WITHOUT_FIELDS))
def test_each_field_of_each_type_has_its_limits_in_the_tests(kind: str) -> None:
    fields = RULES[kind].model_fields.keys() - COMMON
    assert fields
    assert fields - {name for rule in written(kind) for name in rule} == set()


def test_what_the_packet_path_is_told_differently_is_said_to_be_different() -> None:
    told = dict[tuple[Any, ...], tuple[Any, Document]]()
    for document in documents():
        said = tuple(changes(EMPTY, parse_policy(document)))
        what = compiled(document), thresholds(document)
        told_before, other = told.setdefault(said, (what, document))
        assert what == told_before, f"{document} and {other}: {said}"


def test_a_rule_that_is_off_is_told_by_its_mode_alone() -> None:
    for document in documents():
        for rule in document.get("rules", ()):
            off = {"name": "x", "rules": [{**rule, "action": "off"}], "http": {"ports": [80]}}
            profile = abi.Profile.from_buffer_copy(compiled(off))
            assert set(profile.mode) == {abi.Mode.OFF}
            assert (profile.uses, profile.limit_count) == (abi.Use.HTTP, 0)
            assert (profile.http.request_limit_count, profile.connections_max) == (0, 0)


def test_a_rule_says_its_reasons_of_its_type() -> None:
    for document in documents():
        for rule in parse_policy(document).rules:
            assert isinstance(rule, Rule)
            assert set(rule.reasons_set) <= set(rule.REASONS)
            assert rule.reasons_set or rule.type == "detection"  # it refuses nothing


def test_detection_goes_by_what_the_rule_says_and_else_by_its_defaults() -> None:
    assert thresholds({"name": "x"}) == Thresholds() == DEFAULT
    rule: Document = {"type": "detection", "syns": 7, "udp": 0, "spoofed_share": 0.5}
    found = thresholds({"name": "x", "rules": [rule]})
    assert (found.syns, found.udp, found.spoofed_share) == (7, 0, 0.5)
    assert (found.acks, found.quiet_seconds) == (DEFAULT.acks, DEFAULT.quiet_seconds)
    off = thresholds({"name": "x", "rules": [{**rule, "action": "off"}]})
    assert {off.of(metric) for metric in abi.Metric if metric is not abi.Metric.FRAMES} == {0}


@pytest.mark.parametrize(
    ("mode", "action", "wanted"),
    [
        ("enforce", "enforce", abi.Mode.ENFORCE),
        ("enforce", "monitor", abi.Mode.MONITOR),
        ("monitor", "enforce", abi.Mode.MONITOR),
        ("off", "enforce", abi.Mode.MONITOR),
    ],
)
def test_a_response_goes_no_further_than_rule_and_profile(
    mode: str, action: str, wanted: abi.Mode
) -> None:
    rule: Document = {
        "type": "detection",
        "action": action,
        "response": "blacklist",
        "response_seconds": 60,
        "response_max": 5,
        "limit_pps": 9,
    }
    found = thresholds({"name": "x", "mode": mode, "rules": [rule]})
    assert found.response == WantedResponse(abi.Response.BLACKLIST, wanted, 60, 5, 9)
