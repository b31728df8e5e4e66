"""The policy document: which reasons drop, which only count, which are not looked at.

Written by operators (a TOML or JSON file, the management API), read by the API before it commits a
revision, by the data plane's reconciler and by replay. Only profile 0 exists, so a document is one
profile. It deliberately knows no default mode: those are in ``reasons.def``, and C fills them in.
"""

from __future__ import annotations

import ctypes
import json
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataplane import abi
from dataplane.errors import InvalidInputError

NAME_LENGTH_MAX = 128
RULES_MAX = 256
FILE_BYTES_MAX = 1 << 20

NOT_YET = ("rate_limit", "geo_block", "connection_limit", "syn_proxy", "waf")
"""Rule types of later stages: known, and refused with other words than a typing error."""

STRUCTURAL = frozenset(
    {
        abi.Reason.NONE,
        abi.Reason.HEADER_SPLIT,
        abi.Reason.HANDOVER_FULL,
        abi.Reason.TX_FULL,
    }
)
"""Reasons without a choice: the node could not forward such a packet if it wanted to."""


class RuleType(StrEnum):
    """What a rule is about: the stage whose reasons it sets."""

    SANITY = "sanity"
    BLACKLIST = "blacklist"


class Action(StrEnum):
    """What becomes of a packet that a reason hits."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Rule(BaseModel):
    """One line of a policy: an action for all reasons of a type, or for those it names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: RuleType
    action: Action
    reasons: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None = Field(
        default=None, exclude_if=lambda reasons: reasons is None
    )


class PolicyDocument(BaseModel):
    """A policy as written; rules are read in order and a later one wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)] = ()


class ReasonMode(NamedTuple):
    """One compiled setting: in this profile, this reason has this mode."""

    profile: int
    reason: abi.Reason
    mode: abi.Mode


class Change(NamedTuple):
    """One setting that differs; ``default`` is what ``reasons.def`` says."""

    profile: int
    reason: abi.Reason
    before: str
    after: str


def parse_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Validate a document that came as JSON or TOML.

    Raises InvalidInputError that names the field (``rules[0].type``), its value and the limit.
    """
    _refuse_later_types(document)
    try:
        policy = PolicyDocument.model_validate_json(json.dumps(document), strict=True)
    except (TypeError, ValueError) as error:
        raise _translate(error, document) from error
    for index, rule in enumerate(policy.rules):
        _rule_reasons(rule, index)
    return policy


def load_policy_file(path: Path) -> PolicyDocument:
    """Read a policy from a ``.toml`` or ``.json`` file of at most 1 MiB."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _file_error(path, f"can't be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise _file_error(path, f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        text = content.decode()
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        wanted = "JSON" if path.suffix == ".json" else "TOML"
        raise _file_error(path, f"is not {wanted}: {error}") from error
    if not isinstance(document, dict):
        raise _file_error(path, "is not an object with 'name' and 'rules'")
    try:
        return parse_policy(document)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"policy file {path}: {error}", field=error.field, value=error.value, limit=error.limit
        ) from error


def compile_policy(document: PolicyDocument) -> list[ReasonMode]:
    """The settings a document makes, each reason at most once; the others keep their defaults."""
    modes: dict[abi.Reason, abi.Mode] = {}
    for index, rule in enumerate(document.rules):
        mode = abi.Mode[rule.action.name]
        modes.update(dict.fromkeys(_rule_reasons(rule, index), mode))
    return [ReasonMode(0, reason, modes[reason]) for reason in sorted(modes)]


def changes(before: PolicyDocument, after: PolicyDocument) -> list[Change]:
    """Every setting in which two policies differ, by profile and reason."""
    old = {setting[:2]: setting.mode for setting in compile_policy(before)}
    new = {setting[:2]: setting.mode for setting in compile_policy(after)}
    return [
        Change(*place, _mode_label(old.get(place)), _mode_label(new.get(place)))
        for place in sorted(old.keys() | new.keys())
        if old.get(place) != new.get(place)
    ]


def fill_profile(
    library: ctypes.CDLL, profile: abi.Profile, document: PolicyDocument | None
) -> None:
    """Give a profile the defaults of ``reasons.def`` and, over them, what a document sets."""
    library.sb_profile_init(ctypes.byref(profile))
    for setting in compile_policy(document) if document else ():
        profile.mode[setting.reason] = setting.mode


def reasons_of(rule_type: RuleType) -> tuple[abi.Reason, ...]:
    """The reasons a rule of this type can set, in the order of ``reasons.def``."""
    selectable = [reason for reason in abi.Reason if reason not in STRUCTURAL]
    is_list = rule_type is RuleType.BLACKLIST
    return tuple(reason for reason in selectable if (reason is abi.Reason.BLACKLIST) == is_list)


def _mode_label(mode: abi.Mode | None) -> str:
    return "default" if mode is None else mode.name.lower()


def _rule_reasons(rule: Rule, index: int) -> tuple[abi.Reason, ...]:
    valid = {reason.name.lower(): reason for reason in reasons_of(rule.type)}
    if rule.reasons is None:
        return tuple(valid.values())
    structural = {reason.name.lower() for reason in STRUCTURAL}
    for position, label in enumerate(rule.reasons):
        if label in valid:
            continue
        why = (
            "is structural (the node can't do otherwise) and has no choice of action"
            if label in structural
            else f"is not a reason of rule type '{rule.type}'"
        )
        limit = "one of " + ", ".join(valid)
        field = f"rules[{index}].reasons[{position}]"
        raise InvalidInputError(
            f"{field}: '{label}' {why}; {limit}", field=field, value=label, limit=limit
        )
    return tuple(valid[label] for label in rule.reasons)


def _refuse_later_types(document: Mapping[str, Any]) -> None:
    rules = document.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        rule_type = rule.get("type") if isinstance(rule, Mapping) else None
        if isinstance(rule_type, str) and rule_type in NOT_YET:
            field, limit = f"rules[{index}].type", "one of " + ", ".join(RuleType)
            raise InvalidInputError(
                f"{field}: this node can't apply '{rule_type}' rules yet; {limit}",
                field=field,
                value=rule_type,
                limit=limit,
            )


def _translate(error: Exception, document: Mapping[str, Any]) -> InvalidInputError:
    if not isinstance(error, ValidationError):
        return InvalidInputError(
            f"policy can't be written as JSON: {error}", field="policy", limit="JSON values"
        )
    first = error.errors(include_url=False)[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    field = field.lstrip(".") or "policy"
    value = None if first["type"] == "missing" else first["input"]
    limit = "no such field" if first["type"] == "extra_forbidden" else first["msg"]
    shown = f" (is {value!r:.80})" if value is not None and value is not document else ""
    return InvalidInputError(f"{field}: {limit}{shown}", field=field, value=value, limit=limit)


def _file_error(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"policy file {path} {problem}", field="policy", value=str(path), limit=problem
    )
