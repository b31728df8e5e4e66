"""The summary of a node for its status: policy, rates, active attacks, SYN proxy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from api.management.node.schemas import (
    AttackNow,
    AttacksNow,
    PolicyNow,
    ProfileMode,
    ProtectedBody,
    RatesNow,
    SynProxyNow,
)
from api.management.policy.service import Policy
from dataplane.policy import Stored, profiles_of
from dataplane.policy.document import Syn
from dataplane.shared.incidents import Incident
from dataplane.shared.stats import NodeStats

ATTACKS_MAX = 10
PROFILES_NAMED_MAX = 100


def policy(found: Policy) -> PolicyNow:
    """The newest policy, as stored."""
    document = found.document
    modes = ((name, _mode(profile)) for name, profile in profiles_of(document))
    lax = (ProfileMode(profile=name, mode=mode) for name, mode in modes if mode != "enforce")
    return PolicyNow(
        name=found.name,
        mode=_mode(document),
        revision=found.revision,
        not_enforced=list(islice(lax, PROFILES_NAMED_MAX)),
    )


def rates(stats: NodeStats | None) -> RatesNow | None:
    """The rates; None: the data plane is away."""
    if stats is None:
        return None
    found = stats.rates
    return RatesNow(
        received_packets_per_second=found.received_pps,
        received_bits_per_second=found.received_bps,
        forwarded_packets_per_second=found.forwarded_pps,
        consumed_packets_per_second=found.consumed_pps,
        dropped_packets_per_second=found.dropped_pps,
    )


def attacks(stats: NodeStats | None, incidents: Sequence[Incident]) -> AttacksNow:
    """Active attacks, the heaviest first."""
    if stats is None:
        return AttacksNow(active=None, suppressed=None, heaviest=[])
    active = [each for each in incidents if each.is_active]
    active.sort(key=lambda each: each.rates.packets, reverse=True)
    counted = stats.detection
    return AttacksNow(
        active=sum(counted.active.values()),
        suppressed=counted.suppressed,
        heaviest=[_attack(each) for each in active[:ATTACKS_MAX]],
    )


def syn_proxy(stats: NodeStats | None, newest: Policy) -> SynProxyNow | None:
    """The state of the SYN proxy; None: the data plane is away."""
    if stats is None:
        return None
    found = stats.syn_proxy_on
    always = (
        name
        for name, profile in profiles_of(newest.document)
        if profile.get("syn") == Syn.ALWAYS and _mode(profile) == "enforce"
    )
    return SynProxyNow(
        profiles=stats.syn_proxy_profiles,
        always=list(islice(always, PROFILES_NAMED_MAX)) if stats.syn_proxy_profiles else [],
        on_count=found.count,
        on_for=[ProtectedBody(profile=each.profile, address=each.address) for each in found.shown],
    )


def _attack(incident: Incident) -> AttackNow:
    return AttackNow(
        id=incident.id,
        type=incident.type,
        target=incident.target,
        profile=incident.profile,
        action=incident.action,
        packets_per_second=incident.rates.packets,
        bits_per_second=incident.rates.bits,
    )


def _mode(profile: Stored) -> Literal["enforce", "monitor", "off"]:
    """The stored mode: an older release may have written one that this release does not know."""
    written = profile.get("mode")
    return written if written in {"monitor", "off"} else "enforce"
