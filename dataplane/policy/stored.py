"""A policy as it was stored: shown as it is, whatever this release would say of it.

A document was valid for the release that stored it. A later one may be stricter, so nothing here
refuses anything: only what is to be in force is validated (`dataplane.policy.parsing`).
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
    """What is stored as the rules of a profile."""
    return _list(profile, "rules")


def neighbors_of(document: Stored) -> list[Any]:
    """What is stored as the neighbours of a policy."""
    return _list(document, "neighbors")


def read_rule(written: Any) -> Rule | None:
    """A rule as its type has it; None: this release refuses it."""
    try:
        rule = _RULE.validate_python(written)
    except ValidationError:
        return None
    return None if any(rule.check("")) else rule


def _list(holder: Stored, name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []
