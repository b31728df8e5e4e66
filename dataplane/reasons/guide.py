"""The guide to all drop reasons, read once from the TOML files beside this module."""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import (
    REASON_DEFAULT,
    REASON_MODES,
    REASON_STAGE,
    REASON_TEXT,
    Mode,
    Reason,
)
from dataplane.policy.rules import RULES

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Written:
    """The content of a TOML file for a reason."""

    rfc: tuple[str, ...]
    """Documents with sections, mostly RFCs; empty: the check is the node's own."""
    mistaken: str
    """Legitimate traffic that it can hit."""
    advice: str


@dataclass(frozen=True)
class Guidance:
    """All information about one reason."""

    reason: Reason
    written: Written

    @property
    def label(self) -> str:
        """The reason's name in metrics, statistics and explanations."""
        return self.reason.name.lower()

    @property
    def stage(self) -> str:
        """The stage that decides it."""
        return REASON_STAGE[self.reason].name.lower()

    @property
    def meaning(self) -> str:
        """One line."""
        return REASON_TEXT[self.reason]

    @property
    def default(self) -> str:
        """The action without a rule of the profile."""
        return REASON_DEFAULT[self.reason].name.lower()

    @property
    def has_choice(self) -> bool:
        """Whether a profile can choose the action."""
        return Mode.OFF in REASON_MODES[self.reason]

    @property
    def rules(self) -> tuple[str, ...]:
        """The types of rules that set its action."""
        return tuple(name for name, rule in RULES.items() if self.reason in rule.REASONS)


@functools.cache
def guide() -> Mapping[str, Guidance]:
    """Every reason by its label, in the order of ``reasons.def``."""
    written = _read()
    reasons = (reason for reason in Reason if reason is not Reason.NONE)
    return {
        reason.name.lower(): Guidance(reason, written[reason.name.lower()]) for reason in reasons
    }


def find(label: str) -> Guidance:
    """The guidance for one reason. Raises InvalidInputError that names similar reasons."""
    found = guide().get(label.lower())
    if found is None:
        near = difflib.get_close_matches(label.lower(), guide(), n=3)
        limit = (
            f"did you mean {' or '.join(near)}?" if near else "secbeat reasons lists all of them"
        )
        message = f"{label!r} is no drop reason; {limit}"
        raise InvalidInputError(message, field="name", value=label, limit=limit)
    return found


def _read() -> dict[str, Written]:
    found = dict[str, Written]()
    for file in sorted(_FOLDER.glob("*.toml")):
        for label, fields in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if label in found:
                raise ValueError(f"{file.name}: {label} stands in another file too")
            found[label] = Written(tuple(fields.pop("rfc")), **fields)
    return found
