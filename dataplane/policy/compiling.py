"""From a policy document to what the packet path reads."""

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
    """One profile; reasons that are not in ``modes`` keep their defaults."""

    name: str
    lcores: int
    targets: tuple[Network, ...] = ()
    cap: Mode = Mode.ENFORCE
    """No reason has more than this."""
    modes: dict[Reason, Mode] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    """Those that are not off."""
    syn: SynProxy = SynProxy.OFF
    syn_rate: int = abi.SYN_RATE_DEFAULT
    share_q16: int = 0
    """Of 65,536: the part of the room for connections that is kept for it."""
    http: HttpSection | None = None
    thresholds: Thresholds = DEFAULT
    """Of detection."""
    rule_of: dict[Reason, str] = field(default_factory=dict)
    """The path of the rule that a reason is about; those that no rule names are missing."""

    @property
    def needs_countries(self) -> bool:
        """Whether it asks where a source is."""
        return any(rule.NEEDS_COUNTRIES for rule in self.rules)

    @property
    def groups(self) -> Mapping[str, Mode]:
        """Groups of the WAF's rules that may do less than others, and what."""
        found = {name: one for rule in self.rules for name, one in rule.groups_set().items()}
        return {name: Mode[one.name] for name, one in found.items() if one is not Action.ENFORCE}


def compile_policy(document: PolicyDocument, lcores: int = 1) -> list[CompiledProfile]:
    """The default profile, then the others in the order of the document.

    ``lcores``: each counts its own packets, so limits of more than one source are split evenly.
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
    """Profiles that name no share get equal parts of half of what the others leave."""
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
    # A profile that only watches answers nobody.
    profile.syn = SynProxy[written.syn.name] if profile.cap is Mode.ENFORCE else SynProxy.OFF
    profile.syn_rate = max(1, (written.syn_rate or abi.SYN_RATE_DEFAULT) // profile.lcores)
    # A profile that is off follows nothing.
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
