"""``/threats``."""

from __future__ import annotations

from collections.abc import Sequence

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.orchestrator.threats.schemas import (
    SHOWN_MAX,
    AttackerBody,
    ThreatBody,
    ThreatsBody,
    ThreatsQuery,
)
from api.orchestrator.threats.service import INCIDENTS_MAX, Summary, Threat, Threats
from api.orchestrator.threats.sources import Attacker


def operations(threats: Threats) -> list[Operation]:
    """The operations on threats."""

    def show(call: Call) -> Answer:
        query: ThreatsQuery = call.query
        return Answer(200, _body(threats.summary(query.window), query))

    return [
        Operation(
            "GET",
            "/threats",
            show,
            "Attacks on the fleet: an attack on several nodes is one threat",
            Role.READ,
            {200: ThreatsBody},
            query=ThreatsQuery,
        )
    ]


def _body(found: Summary, query: ThreatsQuery) -> ThreatsBody:
    page, cursor = _page(found.threats, query.limit, query.cursor)
    much = f"there are more incidents in the window than the {INCIDENTS_MAX} newest"
    return ThreatsBody(
        active_threats=len(found.threats),
        top_attackers=[_attacker(each) for each in found.attackers[: query.top]],
        attack_types=found.types,
        ongoing=sum(each.is_active for each in found.threats),
        window_seconds=query.window,
        at=rfc3339(found.at_ms),
        threats=[_threat(each) for each in page],
        total=len(found.threats),
        next_cursor=cursor,
        warnings=[] if found.is_whole else [f"{much}, which alone are looked at"],
    )


def _page(
    threats: Sequence[Threat], limit: int, cursor: str | None
) -> tuple[Sequence[Threat], str | None]:
    if cursor is not None:
        first_ms, _, name = cursor.partition(".")
        after = -int(first_ms), name
        threats = [each for each in threats if (-each.first_ms, each.id) > after]
    page = threats[:limit]
    return page, f"{page[-1].first_ms}.{page[-1].id}" if len(threats) > limit else None


def _threat(each: Threat) -> ThreatBody:
    return ThreatBody(
        id=each.id,
        type=each.type,
        state="active" if each.is_active else "ended",
        nodes=list(each.nodes[:SHOWN_MAX]),
        nodes_total=len(each.nodes),
        targets=list(each.targets[:SHOWN_MAX]),
        targets_total=len(each.targets),
        profiles=list(each.profiles[:SHOWN_MAX]),
        incidents=each.incidents,
        first_seen_at=rfc3339(each.first_ms),
        last_seen_at=rfc3339(each.last_ms),
        actions=list(each.actions),
        spoofed=each.spoofed,
        packets=each.packets,
        dropped=each.dropped,
        peak_packets_per_second=each.peak_pps,
        top_sources=[_attacker(one) for one in each.sources],
    )


def _attacker(each: Attacker) -> AttackerBody:
    return AttackerBody(
        ip=each.address,
        attacks=each.attacks,
        packets=each.packets,
        error=each.error,
        country=each.country,
    )
