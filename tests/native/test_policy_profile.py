"""The policy document against reasons.def as C compiled it."""

from __future__ import annotations

import ctypes

from dataplane import abi
from dataplane.policy import STRUCTURAL, RuleType, fill_profile, parse_policy, reasons_of


def test_rule_types_and_structural_reasons_agree_with_reasons_def(library: ctypes.CDLL) -> None:
    fixed = {reason for reason in abi.Reason if not library.sb_reason_selectable(reason)}
    assert fixed == STRUCTURAL
    for rule_type, stage in (
        (RuleType.SANITY, abi.Stage.SANITY),
        (RuleType.BLACKLIST, abi.Stage.LISTS),
    ):
        stages = {library.sb_reason_stage(reason) for reason in reasons_of(rule_type)}
        assert stages == {stage}


def test_a_profile_gets_the_defaults_and_over_them_the_document(library: ctypes.CDLL) -> None:
    profile = abi.Profile()
    rule = {"type": "sanity", "action": "monitor", "reasons": ["land"]}
    fill_profile(library, profile, parse_policy({"name": "x", "rules": [rule]}))
    assert profile.mode[abi.Reason.LAND] == abi.Mode.MONITOR
    assert profile.mode[abi.Reason.TCP_FLAGS] == abi.Mode.ENFORCE
    fill_profile(library, profile, None)
    assert profile.mode[abi.Reason.LAND] == abi.Mode.ENFORCE
