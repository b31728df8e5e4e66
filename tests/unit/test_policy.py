"""The policy document: what it refuses, what it compiles to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataplane import abi
from dataplane.errors import InvalidInputError
from dataplane.policy import (
    FILE_BYTES_MAX,
    RULE_TYPES,
    SANITY_REASONS,
    PolicyDocument,
    changes,
    compile_policy,
    load_policy_file,
    parse_policy,
)


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"name": "test", "rules": list(rules)}


def refused(document: dict[str, Any]) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parse_policy(document)
    return caught.value


def modes_of(*rules: dict[str, Any]) -> dict[abi.Reason, abi.Mode]:
    """Of the default profile."""
    return compile_policy(parse_policy(policy(*rules)))[0].modes


def test_a_rule_without_reasons_sets_all_reasons_of_its_type() -> None:
    modes = modes_of({"type": "sanity", "action": "monitor"})
    assert modes == dict.fromkeys(SANITY_REASONS, abi.Mode.MONITOR)


def test_a_rule_with_reasons_sets_those_alone() -> None:
    modes = modes_of({"type": "sanity", "action": "off", "reasons": ["land", "ip_checksum"]})
    assert modes == {abi.Reason.LAND: abi.Mode.OFF, abi.Reason.IP_CHECKSUM: abi.Mode.OFF}


def test_an_action_that_is_not_said_enforces() -> None:
    assert modes_of({"type": "blacklist"}) == {abi.Reason.BLACKLIST: abi.Mode.ENFORCE}


def test_a_later_rule_wins() -> None:
    modes = modes_of(
        {"type": "sanity", "action": "monitor"},
        {"type": "sanity", "action": "enforce", "reasons": ["land"]},
    )
    assert modes[abi.Reason.LAND] is abi.Mode.ENFORCE
    assert modes[abi.Reason.TCP_FLAGS] is abi.Mode.MONITOR


def test_a_policy_without_rules_changes_nothing() -> None:
    assert modes_of() == {}


def test_an_unknown_reason_is_refused_with_the_valid_ones() -> None:
    error = refused(policy({"type": "sanity", "action": "off", "reasons": ["land", "lnad"]}))
    assert error.field == "rules[0].reasons[1]"
    assert error.value == "lnad"
    assert "tcp_flags" in error.limit
    assert "blacklist" not in error.limit


def test_a_reason_of_another_type_is_refused() -> None:
    error = refused(policy({"type": "sanity", "action": "off", "reasons": ["blacklist"]}))
    assert "not a reason of rule type 'sanity'" in str(error)


@pytest.mark.parametrize("label", ["none", "tx_full", "handover_full", "header_split"])
def test_a_structural_reason_has_no_choice(label: str) -> None:
    error = refused(policy({"type": "sanity", "action": "off", "reasons": [label]}))
    assert "structural" in str(error)
    assert error.value == label


@pytest.mark.parametrize(
    "rule",
    [{"type": "waf", "mode": "strict"}],
)
def test_a_type_of_a_later_stage_is_refused_as_not_yet(rule: dict[str, Any]) -> None:
    error = refused(policy({"type": "sanity", "action": "off"}, rule))
    assert error.field == "rules[1].type"
    assert error.value == rule["type"]
    assert "yet" in str(error)
    assert error.limit == "one of " + ", ".join(RULE_TYPES)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": "n" * 129}, "name"),
        ({"name": "x", "rule": []}, "rule"),
        ({"name": "x", "rules": {}}, "rules"),
        ({"name": "x", "rules": ["sanity"]}, "rules[0]"),
        (policy({"type": "sanity", "action": "drop"}), "rules[0].action"),
        (policy({"type": "sanity", "action": True}), "rules[0].action"),
        (policy({"type": "sanitty", "action": "off"}), "rules[0].type"),
        (policy({"type": "sanity", "action": "off", "reasons": []}), "rules[0].reasons"),
        (policy({"type": "sanity", "action": "off", "reasons": [7]}), "rules[0].reasons[0]"),
        (policy({"type": "sanity", "action": "off", "reason": "land"}), "rules[0].reason"),
        (policy(*[{"type": "sanity", "action": "off"}] * 257), "rules"),
    ],
)
def test_what_breaks_a_rule_is_named(document: dict[str, Any], field: str) -> None:
    error = refused(document)
    assert error.field == field
    assert field in str(error)


def test_what_is_no_json_value_is_refused() -> None:
    error = refused({"name": "x", "rules": [{"type": "sanity", "action": object()}]})
    assert "JSON" in str(error)


def test_the_published_schema_is_that_of_the_document() -> None:
    file = Path(__file__).parents[2] / "docs" / "policy.schema.json"
    published = json.loads(file.read_text())
    assert published.pop("$schema").endswith("2020-12/schema")
    assert published.pop("$id") == "urn:secbeat:policy"
    assert published == PolicyDocument.model_json_schema()


def test_toml_and_json_files_say_the_same(tmp_path: Path) -> None:
    document = policy({"type": "blacklist", "action": "monitor"})
    as_json, as_toml = tmp_path / "p.json", tmp_path / "p.toml"
    as_json.write_text(json.dumps(document))
    as_toml.write_text('name = "test"\n[[rules]]\ntype = "blacklist"\naction = "monitor"\n')
    assert load_policy_file(as_json) == load_policy_file(as_toml) == parse_policy(document)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.toml", b"name = ", "is not TOML"),
        ("p.json", b'{"name": ', "is not JSON"),
        ("p.json", b"[]", "is not an object"),
        ("p.json", b"[" * 100_000, "is not JSON"),
        ("p.toml", b"\xff\xfe", "is not TOML"),
        ("p.json", b" " * FILE_BYTES_MAX + b"{}", "is larger than"),
        ("p.toml", b'nam = "x"', "nam"),
        ("p.toml", b"name = 1979-05-27", "name"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=says) as caught:
        load_policy_file(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="can't be read"):
        load_policy_file(tmp_path / "none.toml")


def test_changes_are_the_settings_that_differ() -> None:
    before = parse_policy(policy({"type": "sanity", "action": "off", "reasons": ["land"]}))
    after = parse_policy(
        policy(
            {"type": "sanity", "action": "off", "reasons": ["land"]},
            {"type": "blacklist", "action": "monitor"},
        )
    )
    assert changes(before, before) == []
    assert changes(before, after) == [("default", "blacklist", "default", "monitor")]
    assert changes(after, before) == [("default", "blacklist", "monitor", "default")]


def test_the_syn_proxy_and_limits_of_connections_are_changes() -> None:
    limit = {"type": "connection_limit", "value": 50}
    before = parse_policy({"name": "x", "rules": [limit]})
    after = parse_policy(
        {"name": "x", "syn": "auto", "syn_rate": 200, "rules": [limit | {"value": 60}]}
    )
    assert [tuple(one) for one in changes(before, after)] == [
        (
            *("default", "connection_limit limit"),
            *("50 established per source", "60 established per source"),
        ),
        ("default", "syn", "default", "auto"),
        ("default", "syn_rate", "default", "200 SYNs/s per destination"),
    ]
