"""Rules of the WAF in a file: NDJSON, in the format of ``secbeat rules export`` and import.

The line number is the rule's number. A replay ignores the end of a rule (``expires_at``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.json_text import load_json
from dataplane.base.input.marks import without_marks
from dataplane.waf.document import (
    ACTIONS,
    RULES_MAX,
    SEVERITIES,
    Rule,
    parse_group,
    parse_pattern,
    parse_targets,
)

LINE_BYTES_MAX = 1 << 16
_FIELDS = {
    *("pattern", "action", "severity", "name", "group", "targets", "profiles", "enabled"),
    "expires_at",
}


def read_rules_file(path: Path) -> list[Rule]:
    """All rules of a file; empty lines are skipped. InvalidInputError names file, line
    and reason."""
    try:
        with path.open("rb") as file:
            rules = list(_rules(path, iter(lambda: file.readline(LINE_BYTES_MAX + 1), b"")))
    except OSError as error:
        raise InvalidInputError(
            f"rules file {path} can't be read: {error.strerror}", field="rules", value=str(path)
        ) from error
    if not rules:
        raise InvalidInputError(
            f"rules file {path}: there is no rule in it", field="rules", value=str(path)
        )
    return rules


def _rules(path: Path, lines: Iterator[bytes]) -> Iterator[Rule]:
    count = 0
    for number, line in enumerate(lines, start=1):
        said = without_marks(line)
        if not said.strip():
            continue
        count += 1
        try:
            yield _rule(number, said, count)
        except (ValueError, RecursionError, InvalidInputError) as error:
            raise InvalidInputError(
                f"{path}, line {number}: {error}", field="rules", value=str(path)
            ) from error


def _rule(number: int, line: bytes, count: int) -> Rule:
    if len(line) > LINE_BYTES_MAX:
        raise InvalidInputError(f"longer than {LINE_BYTES_MAX} bytes", field="rules")
    if count > RULES_MAX:
        raise InvalidInputError(f"more than {RULES_MAX} rules", field="rules")
    said = load_json(line)
    if not isinstance(said, dict):
        raise InvalidInputError("is no JSON object", field="rules")
    if unknown := sorted(said.keys() - _FIELDS):
        raise InvalidInputError(f"no such field: {unknown[0]}", field=unknown[0])
    enabled, name, group = said.get("enabled", True), said.get("name"), said.get("group")
    if not isinstance(enabled, bool):
        raise InvalidInputError("enabled: true or false", field="enabled")
    if name is not None and not isinstance(name, str):
        raise InvalidInputError("name: text", field="name")
    return Rule(
        number=number,
        pattern=parse_pattern(_text(said, "pattern", None)),
        action=_one_of(said, "action", ACTIONS, "block"),
        severity=_one_of(said, "severity", SEVERITIES, "medium"),
        targets=parse_targets(_texts(said, "targets", ["any"])),
        profiles=tuple(_texts(said, "profiles", [])),
        enabled=enabled,
        name=name,
        group=None if group is None else parse_group(_text(said, "group", None)),
    )


def _text(said: Mapping[str, Any], field: str, usual: str | None) -> str:
    value = said.get(field, usual)
    if not isinstance(value, str):
        raise InvalidInputError(f"{field}: text, and there has to be one", field=field)
    return value


def _texts(said: Mapping[str, Any], field: str, usual: list[str]) -> list[str]:
    value = said.get(field, usual)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInputError(f"{field}: a list of texts", field=field)
    return value


def _one_of(said: Mapping[str, Any], field: str, valid: Any, usual: str) -> Any:
    value = _text(said, field, usual)
    if value not in valid:
        raise InvalidInputError(f"{field}: one of {', '.join(valid)}", field=field, value=value)
    return value
