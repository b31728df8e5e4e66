"""Checks that types can't express: between rules, between fields of a profile, between profiles.

Checks between the fields of one rule belong to its type (`Rule.check`). Every mistake names the
field, its value and the limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import Reason, Unit
from dataplane.policy.document import (
    DEFAULT_PROFILE,
    SHARE_MAX,
    PolicyDocument,
    ProfileDocument,
    Syn,
)
from dataplane.policy.limit import LimitRule
from dataplane.policy.neighbors import check_neighbors
from dataplane.policy.rule import Rule, mistake
from dataplane.statelog.files import POLICY_BYTES_MAX
from dataplane.waf.document import GROUPS_MAX


def check(policy: PolicyDocument) -> Iterator[InvalidInputError]:
    """The mistakes in a document that its types can't express."""
    yield from _check_fields(policy, "")
    yield from _check_rules(policy.rules, "rules")
    yield from check_neighbors(policy.neighbors)
    names, targets = {DEFAULT_PROFILE: "the default"}, dict[Network, str]()
    for index, profile in enumerate(policy.profiles):
        path = f"profiles[{index}]"
        if profile.name in names:
            yield mistake(f"{path}.name", profile.name, f"must differ from {names[profile.name]}")
        names[profile.name] = f"{path}.name"
        yield from _check_targets(profile, path, targets)
        yield from _check_fields(profile, f"{path}.")
        yield from _check_rules(profile.rules, f"{path}.rules")
    yield from _check_shares(policy)
    yield from _check_groups(policy)
    yield from _check_size(policy)


def _check_fields(
    written: PolicyDocument | ProfileDocument, path: str
) -> Iterator[InvalidInputError]:
    if written.http is not None:
        yield from written.http.check(f"{path}http")
    yield from _check_http(written, path)
    if written.syn_rate is not None and written.syn is not Syn.AUTO:
        yield mistake(f"{path}syn_rate", written.syn_rate, "only with syn auto")


def _check_rules(rules: Sequence[Rule], path: str) -> Iterator[InvalidInputError]:
    yield from _check_limits(rules, path)
    seen = dict[str, str]()
    for index, rule in enumerate(rules):
        here = f"{path}[{index}]"
        if (kind := rule.kind) is not None:
            if kind in seen:
                yield mistake(
                    here, kind, f"one {kind} in a profile", f"is there already, {seen[kind]}"
                )
            seen[kind] = here
        yield from rule.check(here)


def _check_limits(rules: Sequence[Rule], path: str) -> Iterator[InvalidInputError]:
    """Check that a profile has room for all limits, and one action for each reason that several
    paths share."""
    limits = [rule for rule in rules if isinstance(rule, LimitRule)]
    requests = [rule for rule in limits if rule.counted is Unit.REQUESTS]
    paths = [rule for rule in requests if rule.reason is Reason.RATE_PATH_REQUESTS]
    for found, most, kind in (
        (len(limits) - len(requests), abi.LIMITS_MAX, "limits"),
        (len(paths), abi.REQUEST_PATHS_MAX, "limits with a path"),
    ):
        if found > most:
            yield mistake(path, f"{found} {kind}", f"at most {most} in a profile")
    for rule in paths:
        if rule.action is not paths[0].action:
            here = f"{path}[{rules.index(rule)}].action"
            yield mistake(
                here, rule.action.value, "one action for all limits with a path of a profile"
            )


def _check_http(
    written: PolicyDocument | ProfileDocument, path: str
) -> Iterator[InvalidInputError]:
    """Check that HTTP is inspected if a rule counts requests."""
    for index, rule in enumerate(written.rules):
        if isinstance(rule, LimitRule) and rule.counted is Unit.REQUESTS and written.http is None:
            yield mistake(
                f"{path}rules[{index}].unit", "requests", "only where the profile has http"
            )


def _check_targets(
    profile: ProfileDocument, path: str, seen: dict[Network, str]
) -> Iterator[InvalidInputError]:
    for index, text in enumerate(profile.targets):
        here = f"{path}.targets[{index}]"
        try:
            network = Network.parse(text)
        except InvalidInputError as error:
            yield InvalidInputError(f"{here}: {error}", field=here, value=text, limit=error.limit)
            continue
        if network in seen:
            yield mistake(here, text, "each target once", f"is there already, {seen[network]}")
        seen[network] = here


def _check_shares(policy: PolicyDocument) -> Iterator[InvalidInputError]:
    """Check that the shares of all profiles together are at most the whole table."""
    shares = [policy.connections_share, *(one.connections_share for one in policy.profiles)]
    if (found := sum(share or 0 for share in shares)) > SHARE_MAX:
        limit = f"all profiles together have at most {SHARE_MAX} percent"
        yield mistake("connections_share", f"{found} percent", limit)


def _check_groups(policy: PolicyDocument) -> Iterator[InvalidInputError]:
    """Check the number of group names against the packet path's limit."""
    count = len(policy.waf_groups)
    if count > GROUPS_MAX:
        limit = f"at most {GROUPS_MAX} different ones in all profiles"
        yield mistake("policy", f"{count} groups of WAF rules", limit)


def _check_size(policy: PolicyDocument) -> Iterator[InvalidInputError]:
    """Check the size of the stored form: with default values it can exceed the sent form."""
    stored = json.dumps(policy.model_dump(mode="json"), separators=(",", ":"))
    if len(stored) > POLICY_BYTES_MAX:
        limit = f"at most {POLICY_BYTES_MAX:,} bytes as JSON, defaults included"
        yield mistake("policy", f"{len(stored):,} bytes", limit)
