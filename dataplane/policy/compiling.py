"""From a policy document to what the packet path reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dataplane import abi
from dataplane.abi import Mode, Reason, Scope, SynProxy, Unit, Use
from dataplane.countries.codes import index_of
from dataplane.networks import Network
from dataplane.policy.checking import burst_of, port_ranges, reasons_of
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument
from dataplane.policy.reflectors import REFLECTORS
from dataplane.policy.rules import (
    BURST_BITS_MIN,
    Action,
    AnyLimit,
    BlacklistRule,
    ConnectionLimitRule,
    ConnectionStateRule,
    FragmentsRule,
    GeoRule,
    IcmpLimitRule,
    Per,
    PortsRule,
    RateLimitRule,
    Rule,
    SanityRule,
    UdpAmplificationRule,
)

_WORD_BITS = 64
_SECOND_Q16 = 10**9 << 16
_BURST_Q16_MAX = abi.LIMIT_BURST_S_MAX * _SECOND_Q16
_BITS = {
    Per.SOURCE: (32, 64),
    Per.PREFIX: (24, 48),
    Per.DESTINATION: (32, 128),
    Per.GLOBAL: (0, 0),
}
"""Of an address that are told apart. An IPv6 source is a /64: who has one address has them all."""
_SHARED = {Per.PREFIX, Per.DESTINATION, Per.GLOBAL}
"""What several lcores count parts of."""


class LimitValues(NamedTuple):
    """The fields of ``abi.Limit``."""

    increment_q16: int
    burst_q16: int
    scope: Scope
    unit: Unit
    reason: Reason
    icmp_only: bool
    bits_ipv4: int
    bits_ipv6: int


@dataclass
class CompiledProfile:
    """One profile; reasons that are not in ``modes`` keep their defaults."""

    name: str
    targets: tuple[Network, ...] = ()
    cap: Mode = Mode.ENFORCE
    """No reason has more than this."""
    modes: dict[Reason, Mode] = field(default_factory=dict)
    limits: list[LimitValues] = field(default_factory=list)
    fragments: bool = False
    ports: dict[str, tuple[bool, list[tuple[int, int]]]] = field(default_factory=dict)
    """By protocol: whether the ranges are denied, and the ranges."""
    reflectors: dict[int, int] = field(default_factory=dict)
    countries: dict[Use, frozenset[int]] = field(default_factory=dict)
    """Numbers of those that are blocked, and of those that alone are allowed."""
    syn: SynProxy = SynProxy.OFF
    syn_rate: int = abi.SYN_RATE_DEFAULT
    connections_max: int = 0
    """Of one source; 0: any number."""
    rule_of: dict[Reason, str] = field(default_factory=dict)
    """The path of the rule that a reason is about; those that no rule names are missing."""


def compile_policy(document: PolicyDocument, lcores: int = 1) -> list[CompiledProfile]:
    """The default profile, then the others in the order of the document.

    ``lcores``: each counts its own packets, so limits of more than one source are split evenly.
    """
    default = CompiledProfile(DEFAULT_PROFILE, cap=Mode[document.mode.name])
    found = [(default, document.rules, "rules")]
    for index, written in enumerate(document.profiles):
        targets = tuple(Network.parse(text) for text in written.targets)
        profile = CompiledProfile(written.name, targets, Mode[written.mode.name])
        found.append((profile, written.rules, f"profiles[{index}].rules"))
    documents: list[PolicyDocument | ProfileDocument] = [document, *document.profiles]
    for (profile, _, _), one in zip(found, documents, strict=True):
        profile.syn = _syn(one)
        profile.syn_rate = max(1, (one.syn_rate or abi.SYN_RATE_DEFAULT) // lcores)
    for profile, rules, path in found:
        for index, rule in enumerate(rules):
            _add(profile, rule, f"{path}[{index}]", lcores)
    return [profile for profile, _, _ in found]


def _syn(written: PolicyDocument | ProfileDocument) -> SynProxy:
    """A profile that only watches answers nobody."""
    return SynProxy[written.syn.name] if written.mode is Action.ENFORCE else SynProxy.OFF


def fill_profile(profile: abi.Profile, values: CompiledProfile) -> None:
    """Write a compiled profile over one that has the default modes."""
    for reason in Reason:
        if reason in values.modes:
            profile.mode[reason] = values.modes[reason]
        profile.mode[reason] = min(profile.mode[reason], values.cap)
    for limit in values.limits:
        _fill_limit(profile.limit[profile.limit_count], limit)
        profile.limit_count += 1
    profile.uses |= Use.LIMITS if values.limits else 0
    profile.uses |= Use.FRAGMENTS if values.fragments else 0
    for protocol, use in (("tcp", Use.PORTS_TCP), ("udp", Use.PORTS_UDP)):
        if protocol in values.ports:
            _fill_ports(getattr(profile, f"ports_{protocol}"), *values.ports[protocol])
            profile.uses |= use
    for port, size_min in sorted(values.reflectors.items()):
        reflector = profile.reflector[profile.reflector_count]
        reflector.port, reflector.size_min = port, size_min
        profile.reflector_count += 1
    profile.uses |= Use.REFLECTORS if values.reflectors else 0
    profile.connections_max = values.connections_max
    profile.syn_proxy, profile.syn_rate = values.syn, values.syn_rate
    for use, countries in values.countries.items():
        words = getattr(profile, use.name.lower())
        for country in countries:
            words[country // _WORD_BITS] |= 1 << country % _WORD_BITS
        profile.uses |= use


def _add(profile: CompiledProfile, rule: Rule, path: str, lcores: int) -> None:
    match rule:
        case SanityRule() | BlacklistRule() | ConnectionStateRule():
            reasons = reasons_of(rule, path)
        case ConnectionLimitRule():
            reasons = (Reason.CONNECTIONS_SOURCE,)
            if rule.action is not Action.OFF:
                profile.connections_max = rule.value
        case RateLimitRule() | IcmpLimitRule():
            limit = _limit(rule, lcores)
            reasons = (limit.reason,)
            if rule.action is not Action.OFF:
                profile.limits.append(limit)
        case FragmentsRule() | PortsRule() | UdpAmplificationRule():
            reasons = _filter(profile, rule, path)
        case GeoRule():
            name = rule.type.upper()
            reasons = (Reason[name],)
            if Action.OFF not in {rule.action, Action[profile.cap.name]}:
                profile.countries[Use[name]] = frozenset(map(index_of, rule.countries))
    for reason in reasons:
        profile.modes[reason] = Mode[rule.action.name]
        profile.rule_of[reason] = path


def _filter(
    profile: CompiledProfile, rule: FragmentsRule | PortsRule | UdpAmplificationRule, path: str
) -> tuple[Reason, ...]:
    """What the filter stage asks about."""
    match rule:
        case FragmentsRule():
            profile.fragments = True
            return (Reason.FRAGMENTS,)
        case PortsRule():
            profile.ports[rule.protocol] = rule.deny is not None, port_ranges(rule, path)
            return (Reason[f"PORTS_{rule.protocol.upper()}"],)
        case UdpAmplificationRule():
            written = {one.port: one.size_min for one in rule.reflectors or ()}
            profile.reflectors = written or dict(REFLECTORS)
            return (Reason.UDP_AMPLIFICATION,)


def _limit(rule: AnyLimit, lcores: int) -> LimitValues:
    is_icmp = isinstance(rule, IcmpLimitRule)
    unit = Unit[rule.unit.upper()] if isinstance(rule, RateLimitRule) else Unit.PACKETS
    name = "ICMP_LIMIT" if is_icmp else f"RATE_{rule.per.name}_{unit.name}"
    share = lcores if rule.per in _SHARED else 1
    increment_q16 = max(1, round(_SECOND_Q16 * share / rule.value))
    least = BURST_BITS_MIN if unit is Unit.BITS else 1
    bits_ipv4, bits_ipv6 = _BITS[rule.per]
    burst_q16 = increment_q16 * max(least, burst_of(rule) // share)
    return LimitValues(
        increment_q16=increment_q16,
        burst_q16=max(increment_q16, min(burst_q16, _BURST_Q16_MAX)),
        scope=Scope[rule.per.name],
        unit=unit,
        reason=Reason[name],
        icmp_only=is_icmp,
        bits_ipv4=rule.prefix_ipv4 or bits_ipv4,
        bits_ipv6=rule.prefix_ipv6 or bits_ipv6,
    )


def _fill_limit(limit: abi.Limit, values: LimitValues) -> None:
    for name, value in values._asdict().items():
        setattr(limit, name, value)


def _fill_ports(rule: abi.PortRule, is_deny: bool, ranges: Sequence[tuple[int, int]]) -> None:
    rule.is_deny, rule.count = is_deny, len(ranges)
    for place, (first, last) in zip(rule.range, ranges, strict=False):
        place.first, place.last = first, last
