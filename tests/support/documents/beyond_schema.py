"""Rules of the APIs that JSON Schema can't express: a request that breaks one is valid by the
schema, but gets 422.

The APIs must accept every other request that the document permits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One rule. ``paths`` and ``message`` are patterns of the paths with the rule and of its error
    message."""

    paths: str
    message: str
    why: str


_LISTS = "/(blacklist|allowlist)"
_POLICY = "/policy"
SAME_FOR_BOTH = (
    Rule("/", "has host bits set", "the last bits of a prefix may be anywhere in its text"),
    Rule(_LISTS, "goes with sort=ip alone", "which values of two parameters go together"),
    Rule(_LISTS, "repeats entries", "one network has several texts, and an entry has other fields"),
    Rule("/[a-z]+/import", "^line [0-9]+: ", "a schema of a text knows nothing of its lines"),
    Rule("/rules", "must lie in the future", "a schema has no clock"),
    Rule(_POLICY, "is there already", "what two items have in common but a part of them"),
    Rule(_POLICY, "must differ from", "what two items have in common but a part of them"),
    Rule(
        _POLICY, "each (port|target|one|once)", "what two items have in common but a part of them"
    ),
    Rule(_POLICY, "s of value", "no keyword compares two numbers"),
    Rule(_POLICY, "path: .* bytes, decoded", "a schema counts characters, not bytes"),
    Rule(_POLICY, "FIRST-LAST with", "nor two numbers within a text"),
    Rule(_POLICY, "one action for all limits", "what several rules of a profile have in common"),
    Rule(_POLICY, "at most [0-9]+ in a profile", "no keyword counts items by what is in them"),
    Rule(_POLICY, "only where the profile has http", "what one field says of the items of another"),
    Rule(_POLICY, "all profiles|bytes as JSON", "no keyword looks at the whole document"),
    Rule(_POLICY, "contradicts the countries", "what one field says of the items of another"),
    Rule(_POLICY, "is no neighbour but a network", "IPv4 may be written as IPv6"),
)
NODE = (
    *SAME_FOR_BOTH,
    Rule("/explain", "is IPv[46], and .* is not", "what two parameters have in common"),
    Rule("/explain", "ICMP packet has no port", "which values of two parameters go together"),
)
FLEET = (
    *SAME_FOR_BOTH,
    Rule("/", "is named twice", "a pattern can't compare two parts of a text"),
    Rule("/scale", "exactly `count` different nodes", "a number that is the length of a list"),
)


def is_beyond(rules: Iterable[Rule], path: str, problem: Mapping[str, Any]) -> bool:
    """Whether a problem document is only about these rules."""
    about = [rule for rule in rules if re.match(rule.paths, path)]
    messages = [error["message"] for error in problem["errors"]]
    return bool(messages) and all(
        any(re.search(rule.message, message) for rule in about) for message in messages
    )
