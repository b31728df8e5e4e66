"""Stored policies: read without validation by the rules of this release.

A document was valid for the release that stored it. A later release may be stricter, so this module
refuses nothing. Only a policy that is to be in force is validated
(`dataplane.policy.input.parsing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from dataplane.policy.document import DEFAULT_PROFILE, OneRule
from dataplane.policy.rule import Rule

Stored: TypeAlias = Mapping[str, Any]
_RULE: TypeAdapter[Rule] = TypeAdapter(OneRule)


def profiles_of(document: Stored) -> Iterator[tuple[str, Stored]]:
    """Name and fields of each profile: the default one, then the others."""
    yield DEFAULT_PROFILE, document
    for profile in _list(document, "profiles"):
        if isinstance(profile, Mapping):
            yield str(profile.get("name", "")), profile


def rules_of(profile: Stored) -> list[Any]:
    """The stored rules of a profile."""
    return _list(profile, "rules")


def neighbors_of(document: Stored) -> list[Any]:
    """The stored neighbours of a policy."""
    return _list(document, "neighbors")


def read_rule(written: Any) -> Rule | None:
    """A rule as a model; None: this release refuses it."""
    try:
        rule = _RULE.validate_python(written)
    except ValidationError:
        return None
    return None if any(rule.check("")) else rule


def _list(holder: Stored, name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []
