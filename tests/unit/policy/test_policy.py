"""The policy document: what it refuses, what it compiles to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.policy import (
    FILE_BYTES_MAX,
    RULES,
    PolicyDocument,
    changes,
    compile_policy,
    load_policy_file,
    parse_policy,
)
from dataplane.policy.reasons import STRUCTURAL


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
    assert modes == dict.fromkeys(RULES["sanity"].REASONS, abi.Mode.MONITOR)


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


def reflecting(*reflectors: dict[str, Any]) -> dict[str, Any]:
    return policy({"type": "udp_amplification", "reflectors": list(reflectors)})


def test_modes_of_ntp_are_said_where_policies_differ() -> None:
    before, after = (
        parse_policy(reflecting({"port": 123, "size_min": 120}, {"port": 19})),
        parse_policy(reflecting({"port": 123, "ntp_modes": [7, 6]})),
    )
    (change,) = changes(before, after)
    assert "123 from 120 bytes, 19 from 8 bytes" in change.before
    assert "123 from 8 bytes in NTP mode 6 or 7" in change.after


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
        (reflecting({"port": 53, "ntp_modes": [7]}), "rules[0].reflectors[0].ntp_modes"),
        (reflecting({"port": 123, "ntp_modes": []}), "rules[0].reflectors[0].ntp_modes"),
        (reflecting({"port": 123, "ntp_modes": [8]}), "rules[0].reflectors[0].ntp_modes[0]"),
    ],
)
def test_what_breaks_a_rule_is_named(document: dict[str, Any], field: str) -> None:
    error = refused(document)
    assert error.field == field
    assert field in str(error)


def test_what_is_no_json_value_is_refused() -> None:
    error = refused({"name": "x", "rules": [{"type": "sanity", "action": object()}]})
    assert "JSON" in str(error)


def test_a_whole_number_may_be_written_with_a_fraction() -> None:
    limit = {"type": "rate_limit", "value": 5000.0, "burst": 6e3}
    found = parse_policy({"name": "x", "syn_rate": 7.0, "rules": [limit]})
    assert (found.syn_rate, found.rules[0].model_dump()["burst"]) == (7, 6000)
    assert refused({"name": "x", "syn_rate": 7.5}).field == "syn_rate"


@pytest.mark.parametrize(
    ("default", "others", "percents"),
    [
        (None, [], [0]),
        (40, [], [40]),
        (None, [None], [25, 25]),
        (None, [20, None], [20, 20, 20]),
        (0, [100], [0, 100]),
        (None, [100], [0, 100]),
        (50, [0, 50], [50, 0, 50]),
    ],
)
def test_room_for_connections_is_shared_out(
    default: int | None, others: list[int | None], percents: list[int]
) -> None:
    profiles = [
        {"name": f"p{at}", "targets": [f"192.0.2.{at}"], "connections_share": share}
        for at, share in enumerate(others)
    ]
    document = policy() | {"connections_share": default, "profiles": profiles}
    found = compile_policy(parse_policy(document))
    assert [one.share_q16 for one in found] == [int(each * 65536 / 100) for each in percents]


def test_more_than_all_room_for_connections_is_refused() -> None:
    profile = {"name": "p", "targets": ["192.0.2.1"], "connections_share": 51}
    error = refused(policy() | {"connections_share": 50, "profiles": [profile]})
    assert (error.field, error.limit) == (
        "connections_share",
        "all profiles together have at most 100 percent",
    )
    assert refused(policy() | {"connections_share": 101}).field == "connections_share"


def test_the_published_schema_is_that_of_the_document() -> None:
    file = Path(__file__).parents[3] / "docs" / "policy.schema.json"
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
    before = parse_policy({"name": "x", "syn": "off", "rules": [limit]})
    after = parse_policy({"name": "x", "syn_rate": 200, "rules": [limit | {"value": 60}]})
    assert [tuple(one) for one in changes(before, after)] == [
        (
            *("default", "connection_limit limit"),
            *("50 established per source", "60 established per source"),
        ),
        ("default", "syn", "off", "default"),
        ("default", "syn_rate", "default", "200 SYNs/s per destination"),
    ]


def test_http_is_a_change_however_its_ports_are_ordered() -> None:
    rules: dict[str, Any] = {"name": "x", "profiles": [{"name": "p", "targets": ["10.0.0.1"]}]}
    before = parse_policy(rules | {"http": {"ports": [8080, 80]}})
    same = parse_policy(rules | {"http": {"ports": [80, 8080], "body_limit": 65536}})
    after = parse_policy(rules | {"http": {"ports": [80], "fail": "closed", "other": "pass"}})
    times = "heads in 30 s, bodies 30 s behind 500 bytes/s, responses 60 s behind 500 bytes/s"
    assert changes(before, same) == []
    assert [tuple(one) for one in changes(before, after)] == [
        (
            *("default", "http"),
            f"ports 80, 8080; 65536 bytes of a body; fails open; what is not HTTP: refuse; {times}",
            f"ports 80; 65536 bytes of a body; fails closed; what is not HTTP: pass; {times}",
        )
    ]


def test_rules_about_requests_name_their_reasons() -> None:
    modes = modes_of(
        {"type": "waf", "action": "monitor"},
        {"type": "http_framing", "action": "off", "reasons": ["http_upgrade"]},
    )
    assert modes == {
        abi.Reason.WAF_RULE: abi.Mode.MONITOR,
        abi.Reason.HTTP_UPGRADE: abi.Mode.OFF,
    }
    of_stage = {reason for reason in abi.Reason if abi.REASON_STAGE[reason] is abi.Stage.HTTP}
    of_types = [RULES[kind].REASONS for kind in ("http_framing", "http_slow", "waf", "rate_limit")]
    of_rules = {reason for reasons in of_types for reason in reasons}
    assert of_rules & of_stage == of_stage - STRUCTURAL


def test_limits_for_paths_have_one_action() -> None:
    limit = {"type": "rate_limit", "unit": "requests", "value": 1}
    rules = [{**limit, "path": "/a"}, {**limit, "path": "/b", "action": "monitor"}]
    error = refused({"name": "x", "http": {"ports": [80]}, "rules": rules})
    assert error.field == "rules[1].action"


def test_a_limit_for_a_path_is_told_apart_by_it() -> None:
    limit = {"type": "rate_limit", "unit": "requests", "value": 1}
    http = {"name": "x", "http": {"ports": [80]}}
    before = parse_policy({**http, "rules": [{**limit, "path": "/a"}]})
    after = parse_policy({**http, "rules": [{**limit, "path": "/a"}, {**limit, "path": "/b"}]})
    name = "rate_path_requests limit per source for /b"
    assert (name, "1 requests/s per source, burst 10") in [
        (one.setting, one.after) for one in changes(before, after)
    ]
    assert refused({**http, "rules": [{**limit, "path": "/a"}] * 2}).field == "rules[1]"
    assert refused({"name": "x", "rules": [{**limit, "unit": "bits", "value": 8000, "path": "/"}]})
