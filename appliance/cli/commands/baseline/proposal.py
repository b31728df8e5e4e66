"""Proposes thresholds from the usual rates of the addresses of each profile, with the evidence.

A threshold is a factor times the highest recorded rate, rounded up to two digits, and at least a
tenth of its default: low traffic of a profile does not show which rate would be too high.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.cli.commands.baseline.toml import Path
from appliance.cli.commands.baseline.weeks import hour_text
from dataplane.detection.thresholds import DEFAULT
from dataplane.policy.document import DEFAULT_PROFILE
from dataplane.policy.limit import BITS_MAX, PACKETS_MAX
from dataplane.shared.labels import THRESHOLDS

HOURS_MIN = 24
_LEAST = {"packets": 10_000, "bits": 100_000_000, "slow": DEFAULT.slow}
"""The minimum of metrics that are off by default, and of rare ones."""
_LEAST_SHARE = 10
_ROUNDED_FROM = 100


@dataclass
class Proposal:
    """A whole policy, and the evidence for its thresholds."""

    document: dict[str, Any]
    comments: dict[Path, list[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """The reasons for which nothing is proposed for a profile."""
    profiles: list[str] = field(default_factory=list)
    """The profiles with a proposal."""


def propose(
    policy: Mapping[str, Any], baseline: Mapping[str, Any], factor: float, *, allow_short: bool
) -> Proposal:
    """``policy``: the document in force. ``baseline``: the answer of ``GET /baseline``."""
    proposal = Proposal(copy.deepcopy(dict(policy)))
    known = {each["profile"]: each for each in baseline["profiles"]}
    for name, profile, path in _profiles(proposal.document):
        evidence = known.get(name)
        hours = evidence["hours"] if evidence else 0
        if evidence is None or not evidence["metrics"]:
            proposal.refused.append(f"{name}: no traffic was recorded in {hours} h")
        elif hours < HOURS_MIN and not allow_short:
            proposal.refused.append(
                f"{name}: {hours} h are recorded, at least {HOURS_MIN} h are needed "
                "(--allow-short does without)"
            )
        elif _rule(profile).get("action") == "off":
            proposal.refused.append(f"{name}: its rule detection is off")
        else:
            _put(proposal, path, profile, evidence, factor)
            proposal.profiles.append(name)
    return proposal


def threshold(metric: str, highest: int, factor: float) -> int:
    """The proposed rates per second and address."""
    default: int = getattr(DEFAULT, metric)
    least = _LEAST.get(metric, default // _LEAST_SHARE)
    most = BITS_MAX if metric == "bits" else PACKETS_MAX
    return min(max(_rounded_up(highest * factor), least), most)


def _profiles(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Path]]:
    yield DEFAULT_PROFILE, document, ()
    for index, profile in enumerate(document.get("profiles", ())):
        yield profile["name"], profile, ("profiles", index)


def _rule(profile: Mapping[str, Any]) -> dict[str, Any]:
    rules = (rule for rule in profile.get("rules", ()) if rule["type"] == "detection")
    return next(rules, {})


def _put(
    proposal: Proposal, path: Path, profile: dict[str, Any], evidence: dict[str, Any], factor: float
) -> None:
    """Writes thresholds into the profile's rule, or into a new rule, whose response only
    reports."""
    rule = _rule(profile) or {"type": "detection", "action": "monitor"}
    rules = list(profile.get("rules", ()))
    if rule not in rules:
        rules.append(rule)
    profile["rules"] = rules
    at = (*path, "rules", rules.index(rule))
    unseen = set(THRESHOLDS)
    for metric in evidence["metrics"]:
        name = metric["metric"]
        unseen.discard(name)
        if rule.get(name) == 0:
            proposal.comments[*at, name] = [f"stays off; {_seen(metric)}"]
            continue
        rule[name] = threshold(name, metric["max"], factor)
        proposal.comments[*at, name] = [_because(rule[name], metric, factor)]
    proposal.comments[at] = _heading(evidence, sorted(unseen))


def _heading(evidence: Mapping[str, Any], unseen: Sequence[str]) -> list[str]:
    recorded = f"{evidence['hours']} h in {evidence['hours_of_week']} hours of the week"
    left_out = f"{evidence['attacked_hours']} h with attacks are left out"
    lines = [
        f"Proposed from {recorded}; {left_out}.",
        "Rates per second of the busiest address, each at most 19 % too high.",
    ]
    return [*lines, f"No traffic recorded, not changed: {', '.join(unseen)}."] if unseen else lines


def _because(value: int, metric: Mapping[str, Any], factor: float) -> str:
    wanted = _rounded_up(metric["max"] * factor)
    why = f"{factor:g} x max"
    if value > wanted:
        why = f"{why} would be {wanted}, below the minimum for proposals"
    elif value < wanted:
        why = f"{why} would be {wanted}, above the highest possible"
    return f"{_seen(metric)}; {why}"


def _seen(metric: Mapping[str, Any]) -> str:
    when = hour_text(metric["max_hour_of_week"])
    rates = ", ".join(f"{name} {metric[key]}" for name, key in _RATES.items())
    return f"{rates} ({when} UTC)"


_RATES = {"p50": "p50", "p99": "p99", "p99.9": "p999", "max": "max"}


def _rounded_up(rate: float) -> int:
    """Round up to two digits."""
    step = 1
    while rate / step >= _ROUNDED_FROM:
        step *= 10
    return -int(-rate // step) * step
