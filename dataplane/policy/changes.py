"""In which settings two policies differ, as an operator reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dataplane.policy.checking import burst_of
from dataplane.policy.compiling import CompiledProfile, compile_policy
from dataplane.policy.document import PolicyDocument, ProfileDocument, Syn
from dataplane.policy.rules import (
    Action,
    AnyLimit,
    ConnectionLimitRule,
    GeoRule,
    IcmpLimitRule,
    PortsRule,
    RateLimitRule,
    Rule,
    UdpAmplificationRule,
)

UNSET = "default"
"""What is said of a setting that a policy does not name."""


class Change(NamedTuple):
    """One setting that differs; ``UNSET`` where a policy does not name it."""

    profile: str
    setting: str
    before: str
    after: str


def changes(before: PolicyDocument, after: PolicyDocument) -> list[Change]:
    """Every setting in which two policies differ, by profile and setting."""
    old, new = dict(_settings(before)), dict(_settings(after))
    return [
        Change(*place, old.get(place, UNSET), new.get(place, UNSET))
        for place in sorted(old.keys() | new.keys())
        if old.get(place) != new.get(place)
    ]


def _settings(document: PolicyDocument) -> Iterator[tuple[tuple[str, str], str]]:
    written: list[PolicyDocument | ProfileDocument] = [document, *document.profiles]
    for profile, one in zip(compile_policy(document), written, strict=True):
        if one.mode is not Action.ENFORCE:
            yield (profile.name, "mode"), one.mode.value
        if one.syn is not Syn.OFF:
            yield (profile.name, "syn"), one.syn.value
        if one.syn_rate is not None:
            yield (profile.name, "syn_rate"), f"{one.syn_rate} SYNs/s per destination"
        if profile.targets:
            yield (profile.name, "targets"), ", ".join(sorted(map(str, profile.targets)))
        yield from _modes(profile)
        for rule in one.rules:
            if text := _text(rule):
                yield (profile.name, _place(rule)), text


def _modes(profile: CompiledProfile) -> Iterator[tuple[tuple[str, str], str]]:
    for reason, mode in profile.modes.items():
        yield (profile.name, reason.name.lower()), mode.name.lower()


def _place(rule: Rule) -> str:
    match rule:
        case RateLimitRule():
            return f"rate_{rule.per}_{rule.unit} limit"
        case PortsRule():
            return f"ports_{rule.protocol} ports"
        case _:
            return f"{rule.type} {_WHAT.get(rule.type, '')}"


_WHAT = {
    "icmp_limit": "limit",
    "connection_limit": "limit",
    "geo_block": "countries",
    "geo_allow": "countries",
    "udp_amplification": "reflectors",
}


def _text(rule: Rule) -> str:
    """What a rule says beside its action; empty: nothing."""
    match rule:
        case RateLimitRule() | IcmpLimitRule():
            return _limit_text(rule)
        case PortsRule():
            return _ports_text(rule)
        case ConnectionLimitRule():
            return f"{rule.value} established per source"
        case GeoRule():
            return ", ".join(sorted(set(rule.countries)))
        case UdpAmplificationRule():
            return _reflectors_text(rule)
        case _:
            return ""


def _limit_text(rule: AnyLimit) -> str:
    unit = rule.unit if isinstance(rule, RateLimitRule) else "packets"
    lengths = [length for length in (rule.prefix_ipv4, rule.prefix_ipv6) if length is not None]
    prefix = "".join(f", /{length}" for length in lengths)
    return f"{rule.value} {unit}/s per {rule.per}{prefix}, burst {burst_of(rule)}"


def _reflectors_text(rule: UdpAmplificationRule) -> str:
    if rule.reflectors is None:
        return "those shipped"
    return ", ".join(f"{one.port} from {one.size_min} bytes" for one in rule.reflectors)


def _ports_text(rule: PortsRule) -> str:
    if rule.allow is None:
        return "all but " + ", ".join(map(str, rule.deny or ()))
    return "only " + (", ".join(map(str, rule.allow)) or "none")
