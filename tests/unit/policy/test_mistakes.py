"""Mistakes in a policy: all at once, each with what was meant or an example."""

from __future__ import annotations

import copy
import io
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.policy import PolicyDocument, parse_policy, read_policy
from dataplane.policy.input.mistakes import FORMS
from dataplane.policy.input.stand_ins import Place


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
        "rules[1]",
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


def test_a_wrong_field_hides_no_mistake_of_the_others_beside_it() -> None:
    document = {
        "name": "x",
        "rules": [
            {"type": "ports", "protocol": "tcpp", "allow": ["90-70"]},
            limit(per="sorce", unit="bits", burst=1),
            {"type": "udp_amplification", "action": "no", "reflectors": [{"port": 1}] * 2},
        ],
        "http": {"ports": [80, 80], "body_limit": -1},
        "neighbors": [{"address": "10.0.0.0/8", "protocols": ["bgpp"]}],
        "profiles": [{"name": "a", "targets": ["192.0.2.1/24"], "mode": "no"}],
    }
    assert list(told(document)) == [
        "http.body_limit",
        "rules[0].protocol",
        "rules[1].per",
        "rules[2].action",
        "neighbors[0].protocols[0]",
        "profiles[0].mode",
        "http.ports[1]",
        "rules[0].allow[0]",
        "rules[1].value",
        "rules[1].burst",
        "rules[2].reflectors[1].port",
        "neighbors[0].address",
        "profiles[0].targets[0]",
    ]


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (limit(unit="byte", path="/a"), "unit"),
        (limit(per="prefx", prefix_ipv4=24), "per"),
        ({"type": "rate_limit", "value": "x", "burst": 5000}, "value"),
        ({"type": "ports", "protocol": "tcp", "allow": "80"}, "allow"),
        ({"type": "ports", "protocol": "tcpp", "allow": [80]}, "protocol"),
        ({"type": "geo_block", "countries": ["ZZ"], "unknown": 7}, "unknown"),
    ],
)
def test_what_depends_on_the_wrong_field_of_a_rule_is_no_mistake(
    rule: dict[str, Any], wrong: str
) -> None:
    others: list[Any] = [
        {"type": "ports", "protocol": protocol, "allow": [1]} for protocol in ("tcp", "udp")
    ]
    used = others if wrong == "protocol" else []
    document = {"name": "x", "http": {"ports": [80]}, "rules": [*used, rule]}
    assert list(told(document)) == [f"rules[{len(used)}].{wrong}"]


def places(schema: Any, place: Place, rule: str = "") -> Iterator[tuple[Place, str]]:
    """Every field of a policy with the type of its rule; of lists the first item."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for option in schema.get("anyOf", ()):
        yield from places(option, place, rule)
    if "discriminator" in schema:
        for name, path in schema["discriminator"]["mapping"].items():
            yield from places({"$ref": path}, place, name)
    if "items" in schema:
        yield (*place, 0), rule
        yield from places(schema["items"], (*place, 0), rule)
    for name, inner in schema.get("properties", {}).items():
        yield (*place, name), rule
        yield from places(inner, (*place, name), rule)


SCHEMA = PolicyDocument.model_json_schema()
PLACES = dict.fromkeys(places(SCHEMA, ()))


@pytest.mark.parametrize(("place", "rule"), PLACES, ids=str)
def test_a_mistake_in_any_field_hides_none_of_another(place: Place, rule: str) -> None:
    """``rules[1]`` is the other one, or ``neighbors[1]``."""
    reflector, network = {"port": 1}, {"address": "192.0.2.1", "protocols": ["bgp"]}
    written: dict[str, Any] = {
        "name": "x",
        "rules": [{"type": rule, "value": 1, "reflectors": [reflector]}, limit(prefix_ipv4=24)],
        "http": {"ports": [80]},
        "neighbors": [network, {**network, "address": "10.0.0.0/8"}],
        "profiles": [{"name": "a", "targets": ["192.0.2.1"], "http": {"ports": [80]}, "rules": []}],
    }
    written["profiles"][0]["rules"] = [written["rules"][0]]
    document = copy.deepcopy(written)
    inner: Any = document
    for part in place[:-1]:
        if isinstance(inner, dict):
            inner = inner.setdefault(part, [None] if part != "http" else {"ports": [80]})
        else:
            inner = inner[part]
    inner[place[-1]] = {"wrong": 1.5}
    expected = "neighbors[1].address" if place[0] == "rules" else "rules[1].prefix_ipv4"
    assert expected in told(document)


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


def test_signatures_of_concatenated_files_are_nothing() -> None:
    text = b'\xef\xbb\xbfname = "x"\n\xef\xbb\xbf[[rules]]\n\xef\xbb\xbftype = "sanity"\n'
    assert len(read_policy(io.BytesIO(text), "-").rules) == 1


@pytest.mark.parametrize("text", ["# a\ufeffname = 'x'\n", '{"name":\n "a\ufeff"}'])
def test_a_signature_within_a_line_is_named(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"U\+FEFF\) at line [12], column "):
        read_policy(io.BytesIO(text.encode()), "-")


def test_names_that_are_there_twice_are_refused() -> None:
    text = b'{"name":"x","rules":[{"type":"sanity","type":"link"}],"profiles":[],"rules":[]}'
    with pytest.raises(InvalidInputError) as caught:
        read_policy(io.BytesIO(text), "shop.json")
    assert caught.value.field == "rules"
    assert str(caught.value).startswith("policy file shop.json: rules: occurs more than once")


def test_a_date_is_named_and_hides_no_other_mistake() -> None:
    text = """
        name = 2026-12-01
        syn_rate = nan
        foo = 12:00:00
        [[rules]]
        type = "ports"
        protocol = "tcp"
        allow = [2026-12-01T00:00:00Z, "90-70"]
        [[rules]]
        type = 2026-12-01
        [[rules]]
        type = "rate_limit"
        value = inf
        per = "sorce"
        prefix_ipv4 = 24
        [[rules]]
        type = "ports"
        protocol = "udp"
        deny = 2026-12-01
    """
    found = told(tomllib.loads(text))
    assert list(found) == [
        "name",
        "syn_rate",
        "foo",
        "rules[0].allow[0]",
        "rules[1].type",
        "rules[2].value",
        "rules[3].deny",
        "rules[2].per",
        "rules[0].allow[1]",
    ]
    assert found["name"] == "no field takes a date or a time; in quotes it is a text"
    assert found["foo"] == "no such field"
    assert found["syn_rate"] == "a finite number, if it is whole of at most 64 bits"


def test_numbers_and_texts_that_json_has_not_are_named() -> None:
    assert list(told({"name": "\ud800", "syn_rate": 1 << 20_000})) == ["name", "syn_rate"]


@pytest.mark.parametrize("deep", ["a" + ".a" * 5000 + " = 1", "a = " + "[" * 90 + "]" * 90])
def test_levels_without_end_are_a_mistake(deep: str) -> None:
    with pytest.raises(InvalidInputError):
        read_policy(io.BytesIO(deep.encode()), "-")


@pytest.mark.parametrize("number", ["revision", "number"])
def test_what_the_api_shows_is_read_as_the_policy_in_it(number: str) -> None:
    shown = f'{{"{number}": 7, "state": "in_force", "policy": {{"name": "x"}}}}'.encode()
    assert read_policy(io.BytesIO(shown), "-").name == "x"
