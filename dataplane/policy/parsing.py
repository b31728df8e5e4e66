"""From what somebody wrote to a policy document, or to one line that says what is wrong with it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dataplane.errors import InvalidInputError
from dataplane.policy.checking import check
from dataplane.policy.document import PolicyDocument
from dataplane.policy.rules import RULE_TYPES

FILE_BYTES_MAX = 1 << 20
NOT_YET = ("waf",)
"""Rule types of later stages: known, and refused with other words than a typing error."""
UNITS_NOT_YET = ("requests",)


def parse_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Validate a document that came as JSON or TOML.

    Raises InvalidInputError that names the field (``rules[0].type``), its value and the limit.
    """
    for path, rules in _rule_lists(document):
        for index, rule in enumerate(rules):
            _refuse_what_comes_later(f"{path}[{index}]", rule)
    try:
        policy = PolicyDocument.model_validate_json(json.dumps(document), strict=True)
    except (TypeError, ValueError) as error:
        raise _translate(error, document) from error
    check(policy)
    return policy


def load_policy_file(path: Path) -> PolicyDocument:
    """Read a policy from a ``.toml`` or ``.json`` file of at most 1 MiB, as the API takes."""
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


def _rule_lists(document: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Every list of rules that looks like one, with its path."""
    found = [("rules", document)]
    profiles = document.get("profiles")
    if isinstance(profiles, list):
        found += [(f"profiles[{i}].rules", one) for i, one in enumerate(profiles)]
    for path, holder in found:
        rules = holder.get("rules") if isinstance(holder, Mapping) else None
        if isinstance(rules, list):
            yield path, rules


def _refuse_what_comes_later(path: str, rule: object) -> None:
    if not isinstance(rule, Mapping):
        return
    kind, unit = rule.get("type"), rule.get("unit")
    if isinstance(kind, str) and kind in NOT_YET:
        limit = "one of " + ", ".join(RULE_TYPES)
        raise _invalid(f"{path}.type", kind, f"this node can't apply '{kind}' rules yet; {limit}")
    if kind == "rate_limit" and isinstance(unit, str) and unit in UNITS_NOT_YET:
        raise _invalid(
            f"{path}.unit",
            unit,
            f"this node can't count {unit} yet; one of packets, bits, connections",
        )


def _invalid(field: str, value: object, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{field}: {why}", field=field, value=value, limit=why.rpartition("; ")[2]
    )


def _translate(error: Exception, document: Mapping[str, Any]) -> InvalidInputError:
    if not isinstance(error, ValidationError):
        return InvalidInputError(
            f"policy can't be written as JSON: {error}", field="policy", limit="JSON values"
        )
    first = error.errors(include_url=False)[0]
    field = _field(first["loc"])
    value = None if first["type"] == "missing" else first["input"]
    limit = "no such field" if first["type"] == "extra_forbidden" else first["msg"]
    if first["type"].startswith("union_tag"):
        value = first.get("ctx", {}).get("tag")
        field, limit = f"{field}.type", "one of " + ", ".join(RULE_TYPES)
    shown = f" (is {value!r:.80})" if value is not None and value is not document else ""
    return InvalidInputError(f"{field}: {limit}{shown}", field=field, value=value, limit=limit)


def _field(location: tuple[int | str, ...]) -> str:
    """A path as an operator writes it: without the type that pydantic puts behind a rule."""
    text, before = "", ("", "")
    for part in location:
        is_tag = before[0] == "rules" and before[1] == "[]" and part in RULE_TYPES
        if isinstance(part, int):
            text += f"[{part}]"
            before = (before[1], "[]")
        elif not is_tag:
            text += f".{part}"
            before = (before[1], part)
    return text.lstrip(".") or "policy"


def _file_error(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"policy file {path} {problem}", field="policy", value=str(path), limit=problem
    )
