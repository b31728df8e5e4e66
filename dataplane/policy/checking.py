"""What no type says: rules between the fields of a rule, between rules, and between profiles.

Every error is an InvalidInputError that names the field, its value and the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, assert_never

from dataplane import abi
from dataplane.countries.codes import COUNTRIES
from dataplane.errors import InvalidInputError
from dataplane.networks import Network
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument, Syn
from dataplane.policy.rules import (
    BITS_MAX,
    BITS_MIN,
    BURST_BITS_MIN,
    BURST_PACKETS_DEFAULT_MIN,
    BURST_SECONDS_MAX,
    PACKETS_MAX,
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

STRUCTURAL = frozenset(
    {
        *(abi.Reason.NONE, abi.Reason.HEADER_SPLIT, abi.Reason.HANDOVER_FULL),
        *(abi.Reason.TX_FULL, abi.Reason.SYN_PROXY_FULL),
    }
)
"""Reasons without a choice: the node could not forward such a packet if it wanted to."""
SANITY_REASONS = tuple(
    reason for reason in abi.Reason if reason < abi.Reason.BLACKLIST and reason not in STRUCTURAL
)

CONNECTION_REASONS = (
    abi.Reason.OUT_OF_STATE,
    abi.Reason.OUT_OF_WINDOW,
    abi.Reason.CONNECTIONS_FULL,
)
ReasonsRule = SanityRule | BlacklistRule | ConnectionStateRule


def check(policy: PolicyDocument) -> None:
    """Everything about a document that its types leave open."""
    _check_syn(policy, "")
    _check_rules(policy.rules, "rules")
    names, targets = {DEFAULT_PROFILE: "the default"}, dict[Network, str]()
    for index, profile in enumerate(policy.profiles):
        path = f"profiles[{index}]"
        if profile.name in names:
            _refuse(f"{path}.name", profile.name, f"must differ from {names[profile.name]}")
        names[profile.name] = f"{path}.name"
        _check_targets(profile, path, targets)
        _check_syn(profile, f"{path}.")
        _check_rules(profile.rules, f"{path}.rules")


def reasons_of(rule: ReasonsRule, path: str) -> tuple[abi.Reason, ...]:
    """The reasons that such a rule sets; those it names, else all of its type."""
    match rule:
        case SanityRule():
            valid = SANITY_REASONS
        case BlacklistRule():
            valid = (abi.Reason.BLACKLIST,)
        case ConnectionStateRule():
            valid = CONNECTION_REASONS
    labels = {reason.name.lower(): reason for reason in valid}
    structural = {reason.name.lower() for reason in STRUCTURAL}
    for position, label in enumerate(rule.reasons or ()):
        if label in structural:
            why = "is structural (the node can't do otherwise) and has no choice of action"
        else:
            why = f"is not a reason of rule type '{rule.type}'"
        if label not in labels:
            _refuse(f"{path}.reasons[{position}]", label, "one of " + ", ".join(labels), why)
    return tuple(labels[label] for label in rule.reasons or labels)


def burst_of(rule: AnyLimit) -> int:
    """Packets or bits that a full bucket holds: as written, else a second's worth."""
    is_bits = isinstance(rule, RateLimitRule) and rule.unit == "bits"
    least = BURST_BITS_MIN if is_bits else BURST_PACKETS_DEFAULT_MIN
    return rule.burst if rule.burst is not None else max(rule.value, least)


def port_ranges(rule: PortsRule, path: str) -> list[tuple[int, int]]:
    """First and last port of each range, ascending and disjoint; what touches is one."""
    name = "allow" if rule.allow is not None else "deny"
    found = [
        _port_range(item, f"{path}.{name}[{i}]")
        for i, item in enumerate((rule.allow if rule.allow is not None else rule.deny) or ())
    ]
    merged = list[tuple[int, int]]()
    for first, last in sorted(found):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    if len(merged) > abi.PORT_RANGES_MAX:
        _refuse(f"{path}.{name}", len(merged), f"at most {abi.PORT_RANGES_MAX} ranges")
    return merged


def once(rule: Rule) -> str | None:
    """What there may be one of in a profile; None: as many as one likes, a later one wins."""
    match rule:
        case SanityRule() | BlacklistRule() | ConnectionStateRule():
            return None
        case RateLimitRule():
            return f"rate_limit per {rule.per} in {rule.unit}"
        case PortsRule():
            return f"ports of {rule.protocol}"
        case IcmpLimitRule() | FragmentsRule() | UdpAmplificationRule() | GeoRule():
            return rule.type
        case ConnectionLimitRule():
            return rule.type
    assert_never(rule)


def _check_syn(written: PolicyDocument | ProfileDocument, path: str) -> None:
    if written.syn_rate is not None and written.syn is not Syn.AUTO:
        _refuse(f"{path}syn_rate", written.syn_rate, "only with syn auto")


def _check_rules(rules: Sequence[Rule], path: str) -> None:
    seen = dict[str, str]()
    for index, rule in enumerate(rules):
        here, kind = f"{path}[{index}]", once(rule)
        if kind is not None and kind in seen:
            _refuse(here, kind, f"one {kind} in a profile", f"is there already, {seen[kind]}")
        seen[kind or ""] = here
        match rule:
            case SanityRule() | BlacklistRule() | ConnectionStateRule():
                reasons_of(rule, here)
            case RateLimitRule() | IcmpLimitRule():
                _check_limit(rule, here)
            case PortsRule():
                _check_ports(rule, here)
            case UdpAmplificationRule():
                _check_reflectors(rule, here)
            case GeoRule():
                _check_countries(rule, here)


def _check_limit(rule: AnyLimit, path: str) -> None:
    if isinstance(rule, RateLimitRule) and rule.unit == "bits":
        least, most, burst_least, unit = BITS_MIN, BITS_MAX, BURST_BITS_MIN, "bits"
    else:
        unit = rule.unit if isinstance(rule, RateLimitRule) else "packets"
        least, most, burst_least = 1, PACKETS_MAX, 1
    if not least <= rule.value <= most:
        _refuse(f"{path}.value", rule.value, f"{least:,} to {most:,} {unit} per second")
    burst, burst_most = burst_of(rule), BURST_SECONDS_MAX * rule.value
    if not burst_least <= burst <= max(burst_most, burst_least):
        limit = f"{burst_least:,} to {burst_most:,} {unit} ({BURST_SECONDS_MAX} s of value)"
        _refuse(f"{path}.burst", burst, limit)
    if rule.per not in {Per.PREFIX, Per.DESTINATION}:
        for name in ("prefix_ipv4", "prefix_ipv6"):
            if (value := getattr(rule, name)) is not None:
                _refuse(f"{path}.{name}", value, "only with per prefix or destination")


def _check_ports(rule: PortsRule, path: str) -> None:
    if (rule.allow is None) == (rule.deny is None):
        _refuse(path, "ports", "either 'allow' or 'deny'")
    port_ranges(rule, path)


def _check_reflectors(rule: UdpAmplificationRule, path: str) -> None:
    seen = set[int]()
    for index, reflector in enumerate(rule.reflectors or ()):
        if reflector.port in seen:
            _refuse(f"{path}.reflectors[{index}].port", reflector.port, "each port once")
        seen.add(reflector.port)


def _check_countries(rule: GeoRule, path: str) -> None:
    for index, code in enumerate(rule.countries):
        if code not in COUNTRIES:
            limit = "a code of ISO 3166-1 alpha-2, or EU, XK or ZZ (not known)"
            _refuse(f"{path}.countries[{index}]", code, limit, "is no country")


def _check_targets(profile: ProfileDocument, path: str, seen: dict[Network, str]) -> None:
    for index, text in enumerate(profile.targets):
        here = f"{path}.targets[{index}]"
        try:
            network = Network.parse(text)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"{here}: {error}", field=here, value=text, limit=error.limit
            ) from error
        if network in seen:
            _refuse(here, text, "each target once", f"is there already, {seen[network]}")
        seen[network] = here


def _port_range(item: int | str, path: str) -> tuple[int, int]:
    if isinstance(item, int):
        return item, item
    first, last = (int(part) for part in item.split("-"))
    if not first <= last <= 65535:  # noqa: PLR2004
        _refuse(path, item, "FIRST-LAST with 0 <= FIRST <= LAST <= 65535")
    return first, last


def _refuse(field: str, value: object, limit: str, why: str = "can't be") -> NoReturn:
    raise InvalidInputError(
        f"{field}: {value!r} {why}; {limit}", field=field, value=value, limit=limit
    )
