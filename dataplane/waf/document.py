"""A WAF rule as a value, its limits, and its canonical form in the state log and in the cache.

All code that writes, stores, compiles or shows rules uses this module. Only the engine can tell
whether a pattern compiles, and what it costs (`compiling.admission`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args
from uuid import UUID

from dataplane.base.clock import Deadline
from dataplane.base.errors import InvalidInputError

RuleAction: TypeAlias = Literal["block", "log"]
Severity: TypeAlias = Literal["low", "medium", "high", "critical"]
ACTIONS: tuple[RuleAction, ...] = get_args(RuleAction)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

RULES_MAX = 50_000
"""Maximum number of rules; a node has more slots, because deleted rules stay compiled in for a
while."""
PATTERN_BYTES_MAX = 4096
TARGETS_MAX = 8
PROFILES_MAX = 16
NAME_CHARACTERS_MAX = 120
HEADER_BYTES_MAX = 64
GROUPS_MAX = 32
"""Different groups of all rules, and as many of a policy."""
GROUP_CHARACTERS_MAX = 63
GROUP_PATTERN = f"^[a-z0-9][a-z0-9_.-]{{0,{GROUP_CHARACTERS_MAX - 1}}}$"
NO_GROUP = "none"
"""Name for rules without a group in counts per group; no group can have it."""

RULE_NS_MAX = 5000
"""Maximum mean cost of one rule for a request of the sample traffic: as much as the whole
inspection of a request is meant to take with 50,000 rules."""
OWN_NS_MAX = 20_000
"""Maximum cost on 2 KiB of a rule's own text: for a body of 64 KiB less than a millisecond."""

_ACTION = {action: action for action in ACTIONS}
_SEVERITY = {severity: severity for severity in SEVERITIES}
"""One string object for each: 50,000 rules are read from JSON, which would create as many."""

ANY: tuple[str, ...] = ("any",)
PLAIN_TARGETS = ("any", "method", "path", "query", "cookie", "body")
_HEADER = "header:"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ID = re.compile(r"rule_([1-9][0-9]{0,18})", re.ASCII)
_GROUP = re.compile(GROUP_PATTERN, re.ASCII)
_ROW_FIELDS = 10
_ROW_FIELDS_BEFORE = 9
"""Fields of a row in a state log that was written when rules had no groups."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A validated rule. ``pattern`` is matched as UTF-8 bytes, case included."""

    number: int
    """Used once only; 1 or more."""
    pattern: str
    action: RuleAction = "block"
    severity: Severity = "medium"
    targets: tuple[str, ...] = ANY
    """In the form of `parse_targets`."""
    profiles: tuple[str, ...] = ()
    """Names of the profiles in which it applies; empty: all."""
    enabled: bool = True
    deadline: Deadline | None = None
    name: str | None = None
    group: str | None = None
    """Name of the group of rules that a policy controls together."""


def rule_id(number: int) -> str:
    """The id by which the API knows a rule."""
    return f"rule_{number}"


def parse_rule_id(text: str) -> int:
    """The number of an id; InvalidInputError on the field ``id``."""
    found = _ID.fullmatch(text)
    if found is None:
        raise _refusal("id", text[:40], "rule_ and a number", f"{text[:40]!r} is no id of a rule")
    return int(found[1])


def parse_pattern(text: str) -> str:
    """Check a pattern before it is compiled; InvalidInputError on the field ``pattern``.

    Whether the engine accepts it is not known yet.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        raise _pattern_refusal("has a surrogate, which no byte stands for") from exc
    if not text:
        raise _pattern_refusal("is empty")
    if "\0" in text:
        raise _pattern_refusal(f"has a NUL character at position {text.index(chr(0))}")
    if size > PATTERN_BYTES_MAX:
        raise _pattern_refusal(f"has {size} bytes, the limit is {PATTERN_BYTES_MAX}")
    return text


def parse_targets(targets: Sequence[str]) -> tuple[str, ...]:
    """Targets in canonical form and order; InvalidInputError on the field ``targets``.

    ``any``, or up to eight of ``method``, ``path``, ``query``, ``header:<name>``, ``cookie`` and
    ``body``. Names of headers are lower-cased (RFC 9110, 5.1).
    """
    found = sorted({_parse_target(target) for target in targets})
    if not 1 <= len(found) <= TARGETS_MAX:
        raise _targets_refusal(targets, f"{len(found)} targets, from 1 to {TARGETS_MAX} may be")
    if "any" in found and len(found) > 1:
        raise _targets_refusal(targets, "'any' stands alone: it includes the others")
    return ANY if found == ["any"] else tuple(found)


def parse_group(text: str) -> str:
    """The name of a group; InvalidInputError on the field ``group``."""
    if _GROUP.fullmatch(text) is None or text == NO_GROUP:
        limit = f"1 to {GROUP_CHARACTERS_MAX} of a-z, 0-9, _, ., -, the first one a letter or digit"
        limit += f", and not {NO_GROUP!r}"
        raise _refusal("group", text[:80], limit, f"{text[:80]!r} is no name of a group")
    return text


def to_row(rule: Rule) -> list[Any]:
    """A JSON array: number, pattern, action, severity, targets, profiles, enabled, deadline, name,
    group.

    A deadline is boot id, boot clock and UTC in ms, duration in s.
    """
    end = rule.deadline
    deadline = end and [str(end.boot_id), end.boot_ms, end.utc_ms, end.duration_s]
    row: list[Any] = [rule.number, rule.pattern, rule.action, rule.severity, list(rule.targets)]
    return [*row, list(rule.profiles), int(rule.enabled), deadline, rule.name, rule.group]


def from_row(row: object) -> Rule:
    """The rule of a row; InvalidInputError on the field ``rule`` if it is invalid."""
    if not isinstance(row, list) or len(row) not in {_ROW_FIELDS, _ROW_FIELDS_BEFORE}:
        raise _refusal("rule", None, f"an array of {_ROW_FIELDS}", "a row that is no rule")
    number, pattern, action, severity, targets, profiles, enabled, deadline, name, *rest = row
    group = rest[0] if rest else None
    good = (
        type(number) is int and 1 <= number < 1 << 63
        and isinstance(pattern, str) and action in ACTIONS and severity in SEVERITIES
        and _are_texts(targets) and _are_texts(profiles) and len(profiles) <= PROFILES_MAX
        and enabled in (0, 1) and (name is None or isinstance(name, str))
        and (group is None or isinstance(group, str))
    )  # fmt: skip
    if not good:
        raise _refusal("rule", number, "the types of a rule", f"rule {number!r}: a field is wrong")
    return Rule(
        number,
        parse_pattern(pattern),
        _ACTION[action],
        _SEVERITY[severity],
        parse_targets(targets),
        tuple(profiles),
        bool(enabled),
        None if deadline is None else _read_deadline(deadline),
        name,
        None if group is None else sys.intern(parse_group(group)),
    )


def _parse_target(target: str) -> str:
    if target in PLAIN_TARGETS:
        return target
    name = target.removeprefix(_HEADER).lower()
    if target.startswith(_HEADER) and _TOKEN.fullmatch(name) and len(name) <= HEADER_BYTES_MAX:
        return _HEADER + name
    raise _targets_refusal(target[:80], f"{target[:80]!r} is no target")


def _read_deadline(value: Any) -> Deadline:
    try:
        boot, boot_ms, utc_ms, duration_s = value
        return Deadline(UUID(boot), _natural(boot_ms), _natural(utc_ms), _natural(duration_s))
    except (TypeError, ValueError, AttributeError) as exc:
        raise _refusal("rule", value, "a deadline", "a row whose deadline is none") from exc


def _natural(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise TypeError(value)
    return value


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _pattern_refusal(what: str) -> InvalidInputError:
    limit = f"1 to {PATTERN_BYTES_MAX} bytes of UTF-8 without NUL"
    return _refusal("pattern", None, limit, f"the pattern {what}")


def _targets_refusal(value: object, message: str) -> InvalidInputError:
    limit = f"1 to {TARGETS_MAX} of {', '.join(PLAIN_TARGETS)}, {_HEADER}<name>"
    return _refusal("targets", value, limit, message)


def _refusal(field: str, value: object, limit: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, field=field, value=value, limit=limit)
