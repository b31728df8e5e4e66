"""Starter rules, in groups: one TOML file each.

A rule has an ``id`` that never changes, its pattern, examples that it must match, and similar texts
that it must not match; a test checks both. Patterns are for the scanned forms in
``docs/inspection.md``: they need not handle encodings.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from dataplane.waf.document import Severity

GROUPS = ("sql_injection", "xss", "path_traversal", "command_injection", "scanners")


@dataclass(frozen=True, slots=True)
class StarterRule:
    """One rule of a group; it applies to every target."""

    group: str
    id: str
    title: str
    severity: Severity
    pattern: str
    attacks: tuple[str, ...]
    benign: tuple[str, ...]


def starter_rules() -> Iterator[StarterRule]:
    """All starter rules, by group."""
    for group in GROUPS:
        text = resources.files(__package__).joinpath(f"{group}.toml").read_text("utf-8")
        for row in tomllib.loads(text)["rule"]:
            yield StarterRule(
                group=group,
                id=row["id"],
                title=row["title"],
                severity=row["severity"],
                pattern=row["pattern"],
                attacks=tuple(row["attacks"]),
                benign=tuple(row["benign"]),
            )
