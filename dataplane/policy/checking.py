"""What no type says: rules between rules, between the fields of a profile, and between profiles.

What is between the fields of one rule, its type says (`Rule.check`). Every error is an
InvalidInputError that names the field, its value and the limit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import Reason, Unit
from dataplane.policy.document import DEFAULT_PROFILE, PolicyDocument, ProfileDocument, Syn
from dataplane.policy.limit import LimitRule
from dataplane.policy.neighbors import check_neighbors
from dataplane.policy.rule import Rule, refuse
from dataplane.statelog.files import POLICY_BYTES_MAX
from dataplane.waf.document import GROUPS_MAX


def check(policy: PolicyDocument) -> None:
    """Everything about a document that its types leave open."""
    _check_fields(policy, "")
    _check_rules(policy.rules, "rules")
    check_neighbors(policy.neighbors)
    names, targets = {DEFAULT_PROFILE: "the default"}, dict[Network, str]()
    for index, profile in enumerate(policy.profiles):
        path = f"profiles[{index}]"
        if profile.name in names:
            refuse(f"{path}.name", profile.name, f"must differ from {names[profile.name]}")
        names[profile.name] = f"{path}.name"
        _check_targets(profile, path, targets)
        _check_fields(profile, f"{path}.")
        _check_rules(profile.rules, f"{path}.rules")
    _check_groups(policy)
    _check_size(policy)


def _check_fields(written: PolicyDocument | ProfileDocument, path: str) -> None:
    if written.http is not None:
        written.http.check(f"{path}http")
    _check_http(written, path)
    if written.syn_rate is not None and written.syn is not Syn.AUTO:
        refuse(f"{path}syn_rate", written.syn_rate, "only with syn auto")


def _check_rules(rules: Sequence[Rule], path: str) -> None:
    _check_limits(rules, path)
    seen = dict[str, str]()
    for index, rule in enumerate(rules):
        here = f"{path}[{index}]"
        if (kind := rule.kind) is not None:
            if kind in seen:
                refuse(here, kind, f"one {kind} in a profile", f"is there already, {seen[kind]}")
            seen[kind] = here
        rule.check(here)


def _check_limits(rules: Sequence[Rule], path: str) -> None:
    """A profile has room for all, and one action for each reason, which several paths share."""
    limits = [rule for rule in rules if isinstance(rule, LimitRule)]
    requests = [rule for rule in limits if rule.counted is Unit.REQUESTS]
    paths = [rule for rule in requests if rule.reason is Reason.RATE_PATH_REQUESTS]
    for found, most, kind in (
        (len(limits) - len(requests), abi.LIMITS_MAX, "limits"),
        (len(paths), abi.REQUEST_PATHS_MAX, "limits with a path"),
    ):
        if found > most:
            refuse(path, f"{found} {kind}", f"at most {most} in a profile")
    for rule in paths:
        if rule.action is not paths[0].action:
            here = f"{path}[{rules.index(rule)}].action"
            refuse(here, rule.action.value, "one action for all limits with a path of a profile")


def _check_http(written: PolicyDocument | ProfileDocument, path: str) -> None:
    """What counts requests needs to see them."""
    for index, rule in enumerate(written.rules):
        if isinstance(rule, LimitRule) and rule.counted is Unit.REQUESTS and written.http is None:
            refuse(f"{path}rules[{index}].unit", "requests", "only where the profile has http")


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
            refuse(here, text, "each target once", f"is there already, {seen[network]}")
        seen[network] = here


def _check_groups(policy: PolicyDocument) -> None:
    """The packet path has room for so many names."""
    count = len(policy.waf_groups)
    if count > GROUPS_MAX:
        limit = f"at most {GROUPS_MAX} different ones in all profiles"
        refuse("policy", f"{count} groups of WAF rules", limit)


def _check_size(policy: PolicyDocument) -> None:
    """As it is stored, with what was left out: that can be more than what was sent."""
    stored = json.dumps(policy.model_dump(mode="json"), separators=(",", ":"))
    if len(stored) > POLICY_BYTES_MAX:
        limit = f"at most {POLICY_BYTES_MAX:,} bytes as JSON, defaults included"
        refuse("policy", f"{len(stored):,} bytes", limit)
