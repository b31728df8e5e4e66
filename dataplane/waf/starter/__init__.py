"""Rules to start with, in groups: one TOML file each.

A rule has an ``id`` that never changes, what it looks for, and beside it examples that it has to
find and look-alikes that it must not: a test reads those. Patterns are written for what
``docs/inspection.md`` says is scanned: they need not know encodings.
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
    """One rule of a group; every target is looked at."""

    group: str
    id: str
    title: str
    severity: Severity
    pattern: str
    attacks: tuple[str, ...]
    benign: tuple[str, ...]


def starter_rules() -> Iterator[StarterRule]:
    """All of them, by group."""
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
