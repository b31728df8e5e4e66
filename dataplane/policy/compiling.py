"""Compiles a policy document to the structures that the packet path reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from dataplane.base.networks import Network
from dataplane.detection.thresholds import DEFAULT, Thresholds
from dataplane.native import abi
from dataplane.native.abi import Mode, Reason, SynProxy
from dataplane.policy.document import (
    DEFAULT_PROFILE,
    SHARE_MAX,
    PolicyDocument,
    ProfileDocument,
)
from dataplane.policy.http import HttpSection
from dataplane.policy.rule import Action, Rule

_SHARE_OF_ONE = 1 << 16


@dataclass
class CompiledProfile:
    """One profile; reasons that are not in ``modes`` have their defaults."""

    name: str
    lcores: int
    targets: tuple[Network, ...] = ()
    cap: Mode = Mode.ENFORCE
    """The strictest mode that any reason may have."""
    modes: dict[Reason, Mode] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    """Rules that are not off."""
    syn: SynProxy = SynProxy.OFF
    syn_rate: int = abi.SYN_RATE_DEFAULT
    share_q16: int = 0
    """Reserved part of the room for connections, in units of 1/65,536."""
    http: HttpSection | None = None
    thresholds: Thresholds = DEFAULT
    """The thresholds of detection."""
    rule_of: dict[Reason, str] = field(default_factory=dict)
    """The path of the rule for each reason; reasons without a rule are missing."""

    @property
    def needs_countries(self) -> bool:
        """Whether the profile needs the country of a source."""
        return any(rule.NEEDS_COUNTRIES for rule in self.rules)

    @property
    def groups(self) -> Mapping[str, Mode]:
        """Groups of WAF rules with a lower maximum action."""
        found = {name: one for rule in self.rules for name, one in rule.groups_set().items()}
        return {name: Mode[one.name] for name, one in found.items() if one is not Action.ENFORCE}


def compile_policy(document: PolicyDocument, lcores: int = 1) -> list[CompiledProfile]:
    """The default profile, then the others in the order of the document.

    ``lcores``: number of lcores. Each counts its own packets, so limits shared by several sources
    are divided evenly.
    """
    default = CompiledProfile(DEFAULT_PROFILE, lcores)
    _compile(default, document, "rules")
    found = [default]
    for index, one in enumerate(document.profiles):
        targets = tuple(Network.parse(text) for text in one.targets)
        profile = CompiledProfile(one.name, lcores, targets)
        _compile(profile, one, f"profiles[{index}].rules")
        found.append(profile)
    _share_out(
        found, [document.connections_share, *(one.connections_share for one in document.profiles)]
    )
    return found


def fill_profile(
    profile: abi.Profile, values: CompiledProfile, groups: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Write a compiled profile over one that has the default modes.

    ``groups``: the index of each group that it names.
    """
    for reason in Reason:
        mode = values.modes.get(reason, profile.mode[reason])
        profile.mode[reason] = min(mode, values.cap)
    profile.syn_proxy, profile.syn_rate = values.syn, values.syn_rate
    profile.share_q16 = values.share_q16
    if values.http is not None:
        values.http.fill(profile, enforced=values.cap is Mode.ENFORCE)
    for rule in values.rules:
        rule.fill(profile, values.lcores)
    for name, mode in values.groups.items():
        words = profile.waf_off if mode is Mode.OFF else profile.waf_monitor
        words[groups[name] // 64] |= 1 << groups[name] % 64


def _share_out(profiles: Sequence[CompiledProfile], percents: Sequence[int | None]) -> None:
    """Profiles without a share get equal parts of half of the remaining room."""
    unnamed = percents.count(None)
    left = SHARE_MAX - sum(percent or 0 for percent in percents)
    usual = left / 2 / unnamed if unnamed and len(profiles) > 1 else 0
    for profile, percent in zip(profiles, percents, strict=True):
        profile.share_q16 = int(
            (usual if percent is None else percent) * _SHARE_OF_ONE // SHARE_MAX
        )


def _compile(
    profile: CompiledProfile, written: PolicyDocument | ProfileDocument, path: str
) -> None:
    profile.cap = Mode[written.mode.name]
    # A profile in monitor mode answers no SYNs.
    profile.syn = SynProxy[written.syn.name] if profile.cap is Mode.ENFORCE else SynProxy.OFF
    profile.syn_rate = max(1, (written.syn_rate or abi.SYN_RATE_DEFAULT) // profile.lcores)
    # A profile that is off tracks nothing.
    profile.http = None if profile.cap is Mode.OFF else written.http
    _add_rules(profile, written.rules, path)


def _add_rules(profile: CompiledProfile, rules: Sequence[Rule], path: str) -> None:
    for index, rule in enumerate(rules):
        reasons = rule.reasons_set
        profile.modes.update(dict.fromkeys(reasons, Mode[rule.action.name]))
        profile.rule_of.update(dict.fromkeys(reasons, f"{path}[{index}]"))
        profile.thresholds = rule.thresholds(profile.cap) or profile.thresholds
        if rule.action is not Action.OFF and profile.cap is not Mode.OFF:
            profile.rules.append(rule)
