"""The differences of two policies, by setting, for operators."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.native.abi import Reason
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument
from dataplane.policy.http import http_text
from dataplane.policy.input.stored import Stored, neighbors_of, profiles_of, read_rule, rules_of
from dataplane.policy.neighbors import NeighborDocument, read_neighbor
from dataplane.policy.rule import Action, Rule

UNSET = "default"
"""Text for a setting that a policy does not name."""
_NO_SETTINGS = {"name", "rules", "profiles", "neighbors"}
_USUAL = {"mode": "enforce", "syn": "auto"}


class Change(NamedTuple):
    """A setting that differs; ``UNSET`` if a policy does not name it."""

    profile: str
    setting: str
    before: str
    after: str


class _Profile(NamedTuple):
    name: str
    fields: Stored
    """The settings beside the rules, as JSON."""
    rules: Sequence[Rule | str]
    """The text of a rule that this release refuses."""
    neighbors: Sequence[NeighborDocument | str] = ()
    """The text of a neighbour that this release refuses. Default profile only."""


def changes(before: PolicyDocument | Stored, after: PolicyDocument) -> list[Change]:
    """All differences of two policies, by profile and setting.

    A stored rule that this release refuses is a setting named by its place, ``rules[3]``.
    """
    old, new = dict(_settings(before)), dict(_settings(after))
    return [
        Change(*place, old.get(place, UNSET), new.get(place, UNSET))
        for place in sorted(old.keys() | new.keys())
        if old.get(place) != new.get(place)
    ]


def _settings(document: PolicyDocument | Stored) -> Iterator[tuple[tuple[str, str], str]]:
    profiles = _written(document) if isinstance(document, PolicyDocument) else _stored(document)
    for profile in profiles:
        for name, value in profile.fields.items():
            if name not in _NO_SETTINGS and value != _USUAL.get(name):
                yield (profile.name, name), _field_text(name, value)
        for index, neighbor in enumerate(profile.neighbors):
            if isinstance(neighbor, str):
                yield (profile.name, f"neighbors[{index}]"), neighbor
            else:
                named, said = neighbor.setting()
                yield (profile.name, named), said
        modes = dict[Reason, Action]()
        for index, rule in enumerate(profile.rules):
            if isinstance(rule, str):
                yield (profile.name, f"rules[{index}]"), rule
                continue
            modes.update(dict.fromkeys(rule.reasons_set, rule.action))
            if setting := rule.setting():
                yield (profile.name, setting[0]), setting[1]
        for reason, action in modes.items():
            yield (profile.name, reason.name.lower()), action.value


def _written(document: PolicyDocument) -> Iterator[_Profile]:
    written: tuple[PolicyDocument | ProfileDocument, ...] = (document, *document.profiles)
    for one in written:
        name = DEFAULT_PROFILE if one is document else one.name
        fields = one.model_dump(mode="json", exclude=_NO_SETTINGS)
        neighbors = one.neighbors if isinstance(one, PolicyDocument) else ()
        yield _Profile(name, fields, one.rules, neighbors)


def _stored(document: Stored) -> Iterator[_Profile]:
    for name, fields in profiles_of(document):
        rules = [read_rule(rule) or _as_it_is(rule) for rule in rules_of(fields)]
        written = neighbors_of(document) if fields is document else []
        neighbors = [read_neighbor(one) or _as_it_is(one) for one in written]
        yield _Profile(name, fields, rules, neighbors)


def _field_text(name: str, value: Any) -> str:
    match name, value:
        case "syn_rate", int():
            return f"{value} SYNs/s per destination"
        case "connections_share", int():
            return f"{value} % of the room for connections"
        case "http", dict():
            return http_text(value)
        case "targets", list():
            return ", ".join(sorted(map(_network_text, value)))
        case _, str():
            return value
        case _:
            return _as_it_is(value)


def _network_text(written: Any) -> str:
    try:
        return str(Network.parse(written))
    except InvalidInputError:
        return _as_it_is(written)


def _as_it_is(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
