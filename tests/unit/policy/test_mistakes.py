"""Mistakes in a policy: all at once, each with what was meant or an example."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.policy import PolicyDocument, parse_policy, read_policy
from dataplane.policy.input.mistakes import FORMS


def told(document: dict[str, Any]) -> dict[str, str]:
    """The limits that mistakes name, by field."""
    with pytest.raises(InvalidInputError) as caught:
        parse_policy(document)
    assert all(str(one).startswith(f"{one.field}: ") for one in caught.value.each)
    return {one.field: one.limit for one in caught.value.each}


def limit(**fields: Any) -> dict[str, Any]:
    return {"type": "rate_limit", "value": 5, **fields}


def test_mistakes_of_types_and_those_between_fields_are_told_together() -> None:
    document = {
        "name": "x",
        "rules": [
            {"type": "rate_limit", "vlaue": 5},
            limit(burst=1000, prefix_ipv4=24),
            {"type": "ports", "protocol": "tcp", "allow": [80], "deny": [81, "9-8"]},
        ],
        "neighbors": [{"address": "10.0.0.0/8", "protocols": ["bgp"]}],
        "profiles": [
            {"name": "Web", "targets": ["192.0.2.1/24", "192.0.2.0/24", "192.0.2.0/24"]},
            {"name": "b", "targets": ["192.0.2.0/24"], "rules": [{"type": "ethertypes"}]},
        ],
    }
    assert list(told(document)) == [
        "rules[0].value",
        "rules[0].vlaue",
        "profiles[0].name",
        "rules[1].burst",
        "rules[1].prefix_ipv4",
        "rules[2]",
        "rules[2].deny[1]",
        "neighbors[0].address",
        "profiles[0].targets[0]",
        "profiles[0].targets[2]",
        "profiles[1].targets[0]",
        "profiles[1].rules[0]",
    ]


@pytest.mark.parametrize(
    ("document", "field", "meant"),
    [
        ({"name": "x", "rule": []}, "rule", "rules"),
        ({"name": "x", "rules": [limit(vlaue=5)]}, "rules[0].vlaue", "value"),
        ({"name": "x", "rules": [{"type": "rate_limt"}]}, "rules[0].type", "rate_limit"),
        ({"name": "x", "rules": [limit(action="enforced")]}, "rules[0].action", "enforce"),
        ({"name": "x", "http": {"ports": [80], "bodylimit": 1}}, "http.bodylimit", "body_limit"),
        (
            {"name": "x", "profiles": [{"name": "a", "targets": ["192.0.2.1"], "mod": "off"}]},
            "profiles[0].mod",
            "mode",
        ),
        (
            {
                "name": "x",
                "profiles": [
                    {
                        "name": "a",
                        "targets": ["192.0.2.1"],
                        "rules": [
                            {"type": "udp_amplification", "reflectors": [{"port": 1, "size": 9}]}
                        ],
                    }
                ],
            },
            "profiles[0].rules[0].reflectors[0].size",
            "size_min",
        ),
        (
            {"name": "x", "neighbors": [{"adress": "192.0.2.1", "protocols": ["bgp"]}]},
            "neighbors[0].adress",
            "address",
        ),
        (
            {"name": "x", "rules": [{"type": "protocols", "allow": ["tpc"]}]},
            "rules[0].allow[0]",
            "tcp",
        ),
    ],
)
def test_the_nearest_that_is_known_is_named(
    document: dict[str, Any], field: str, meant: str
) -> None:
    assert told(document)[field].endswith(f"did you mean {meant!r}?")


def test_nothing_is_proposed_for_what_is_like_nothing() -> None:
    assert told({"name": "x", "zzz": 1}) == {"zzz": "no such field"}


def test_one_field_is_one_mistake() -> None:
    rule = {"type": "ports", "protocol": "tcp", "allow": ["80-", 70_000]}
    found = told({"name": "x", "rules": [rule]})
    assert list(found) == ["rules[0].allow[0]", "rules[0].allow[1]"]
    assert found["rules[0].allow[0]"] == "a port or a range of ports, as in 443 or '8000-8100'"


def test_what_depends_on_a_field_that_is_wrong_is_no_mistake() -> None:
    document = {"name": "x", "http": {"ports": [0]}, "rules": [limit(unit="requests")]}
    assert list(told(document)) == ["http.ports[0]"]
    document = {"name": "x", "syn": "alway", "syn_rate": 5, "rules": [{"type": "sanitty"}]}
    assert list(told(document)) == ["syn", "rules[0].type"]


@pytest.mark.parametrize("profile", [7, {}, {"targets": []}, {"name": 7, "targets": "x"}])
def test_a_profile_that_is_none_hides_no_mistake_of_others(profile: Any) -> None:
    twice = [limit(), limit()]
    document = {"name": "x", "rules": twice, "profiles": [profile, profile]}
    assert "rules[1]" in told(document)


def test_a_hundred_mistakes_are_named_and_the_others_counted() -> None:
    with pytest.raises(InvalidInputsError) as caught:
        parse_policy({"name": "x", "rules": [{"type": "sanitty"}] * 150})
    assert (caught.value.count, len(caught.value.each)) == (150, 100)
    assert str(caught.value).startswith("150 mistakes, of which the first 100 are named\n")


def patterns(schema: Any) -> Iterator[str]:
    """Those that pydantic judges by."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and "pattern" in schema:
            yield schema["pattern"]
        for value in schema.values():
            yield from patterns(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from patterns(value)


def test_every_pattern_of_a_policy_has_words_with_an_example() -> None:
    found = set(patterns(PolicyDocument.__pydantic_core_schema__))
    assert found == set(FORMS)
    assert all("as in " in words for words in FORMS.values())


@pytest.mark.parametrize("as_json", [False, True])
def test_a_signature_of_utf_8_is_nothing(as_json: bool) -> None:
    text = b'{"name": "x"}' if as_json else b'name = "x"\r\n'
    assert read_policy(io.BytesIO(b"\xef\xbb\xbf" + text), "-").name == "x"


@pytest.mark.parametrize("number", ["revision", "number"])
def test_what_the_api_shows_is_read_as_the_policy_in_it(number: str) -> None:
    shown = f'{{"{number}": 7, "state": "in_force", "policy": {{"name": "x"}}}}'.encode()
    assert read_policy(io.BytesIO(shown), "-").name == "x"
