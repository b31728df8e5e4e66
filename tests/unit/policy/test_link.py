"""Rules about what is of the link, not IP, or without a country."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.policy import RULES, parse_policy


def filled(rule: dict[str, Any]) -> abi.Profile:
    profile = abi.Profile()
    document = parse_policy({"name": "x", "rules": [rule]})
    document.rules[0].fill(profile, 1)
    return profile


def refused(**fields: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parse_policy({"name": "x", **fields})
    return caught.value


def ranges(rule: dict[str, Any]) -> list[tuple[int, int]]:
    found = filled({"type": "ethertypes", **rule}).ethertypes
    return [(one.first, one.last) for one in found.range[: found.count]]


def test_names_and_numbers_of_ethertypes_become_ranges() -> None:
    assert ranges({"deny": ["mpls", 0x8849, "llc", 0x9200]}) == [
        (0x0000, 0x05FF),
        (0x8847, 0x8849),
        (0x9200, 0x9200),
    ]
    assert filled({"type": "ethertypes", "deny": ["mpls"]}).ethertypes.is_deny
    assert not filled({"type": "ethertypes", "allow": []}).ethertypes.is_deny
    assert filled({"type": "ethertypes", "allow": []}).uses == abi.Use.ETHERTYPES


@pytest.mark.parametrize("rule", [{}, {"allow": [], "deny": []}])
def test_ethertypes_are_allowed_or_denied(rule: dict[str, Any]) -> None:
    assert refused(rules=[{"type": "ethertypes", **rule}]).field == "rules[0]"


@pytest.mark.parametrize("rule", [{"type": "link"}, {"type": "ethertypes", "allow": []}])
def test_what_goes_to_no_target_is_no_rule_of_a_profile(rule: dict[str, Any]) -> None:
    profile = {"name": "a", "targets": ["192.0.2.0/24"], "rules": [rule]}
    assert refused(profiles=[profile]).field == "profiles[0].rules[0]"


@pytest.mark.parametrize(
    ("rule", "names_unknown"),
    [
        ({"type": "geo_allow"}, False),
        ({"type": "geo_allow", "unknown": "allow"}, True),
        ({"type": "geo_allow", "unknown": "block"}, False),
        ({"type": "geo_block"}, False),
        ({"type": "geo_block", "unknown": "allow"}, False),
        ({"type": "geo_block", "unknown": "block"}, True),
    ],
)
def test_who_has_no_country_gets_the_answer_that_is_declared(
    rule: dict[str, Any], names_unknown: bool
) -> None:
    """Country 0: what geo_allow names passes, what geo_block names does not."""
    profile = filled({"countries": ["DE"], **rule})
    words = getattr(profile, rule["type"])
    assert bool(words[0] & 1) is names_unknown
    made = RULES[rule["type"]].model_validate({"countries": ["DE"], **rule})
    is_refused = names_unknown is (rule["type"] == "geo_block")
    assert ("ZZ" in made.refused({"ZZ", "DE"})) is is_refused  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "unknown"), [("geo_allow", "block"), ("geo_block", "allow")])
def test_an_answer_that_contradicts_the_countries_is_refused(kind: str, unknown: str) -> None:
    rule = {"type": kind, "countries": ["ZZ"], "unknown": unknown}
    assert refused(rules=[rule]).field == "rules[0].unknown"


JUDGE, PASS, REFUSE = abi.Inside.JUDGE, abi.Inside.PASS, abi.Inside.REFUSE


def test_mpls_and_pppoe_are_judged_unless_the_rule_says_otherwise() -> None:
    found = filled({"type": "encapsulation", "mpls": "refuse"})
    assert list(found.inside) == [REFUSE, JUDGE, PASS, PASS]
    assert not found.uses & abi.Use.TUNNELS
    rule = parse_policy({"name": "x", "rules": [{"type": "encapsulation", "pppoe": "pass"}]})
    said = "mpls judge, pppoe pass, vxlan pass, gre pass"
    assert rule.rules[0].setting() == ("encapsulation", said)


@pytest.mark.parametrize(
    ("tunnels", "inside", "port", "said"),
    [
        ({"vxlan": "judge"}, [JUDGE, PASS], 4789, "vxlan judge, gre pass"),
        ({"gre": "refuse"}, [PASS, REFUSE], 0, "vxlan pass, gre refuse"),
        (
            {"vxlan": "refuse", "gre": "judge", "vxlan_port": 8472},
            [REFUSE, JUDGE],
            8472,
            "vxlan refuse, gre judge, vxlan_port 8472",
        ),
    ],
)
def test_tunnels_are_judged_only_if_the_rule_says_so(
    tunnels: dict[str, Any], inside: list[abi.Inside], port: int, said: str
) -> None:
    rule = {"type": "encapsulation", **tunnels}
    found = filled(rule)
    assert list(found.inside) == [JUDGE, JUDGE, *inside]
    assert found.uses & abi.Use.TUNNELS
    assert found.vxlan_port == port
    profile = {"name": "gateway", "targets": ["192.0.2.9"], "rules": [rule]}
    policy = parse_policy({"name": "x", "profiles": [profile]})
    assert policy.profiles[0].rules[0].setting() == (
        "encapsulation",
        f"mpls judge, pppoe judge, {said}",
    )


def test_only_the_default_profile_sets_mpls_and_pppoe() -> None:
    rule = {"type": "encapsulation", "gre": "judge", "mpls": "refuse"}
    profile = {"name": "web", "targets": ["192.0.2.0/24"], "rules": [rule]}
    assert refused(profiles=[profile]).field == "profiles[0].rules[0].mpls"
    assert refused(rules=[{"type": "encapsulation", "mpls": "look"}]).field == "rules[0].mpls"
