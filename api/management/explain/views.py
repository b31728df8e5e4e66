"""``/explain``."""

from __future__ import annotations

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.management.explain.schemas import (
    ConcerningAttackBody,
    ConnectionsBody,
    CoveringBody,
    ExplainBody,
    ExplainQuery,
    LaidOverBody,
    LimitBody,
    OriginBody,
    PacketBody,
    StageBody,
)
from api.management.explain.service import Covering, Explaining, Told
from api.management.overlays.rows import Stored
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import KEY_BITS, Network
from dataplane.client import PacketExplanation, PacketQuestion
from dataplane.shared.explained import PROTOCOLS
from dataplane.shared.incidents import Incident
from dataplane.shared.labels import REASON_TEXT, STAGES


class ExplainViews:
    """The handlers."""

    def __init__(self, explaining: Explaining) -> None:
        self._explaining = explaining

    def explain(self, call: Call) -> Answer:
        """The verdict on a packet now."""
        query: ExplainQuery = call.query
        return Answer(200, _body(query, self._explaining.explain(_question(query))))


def operations(explaining: Explaining) -> list[Operation]:
    """The operations on explanations."""
    return [
        Operation(
            "GET",
            "/explain",
            ExplainViews(explaining).explain,
            "The verdict on a packet, and the reason",
            Role.READ,
            {200: ExplainBody},
            errors=(503,),
            query=ExplainQuery,
        )
    ]


def _question(query: ExplainQuery) -> PacketQuestion:
    if query.protocol == "icmp" and "port" in query.model_fields_set:
        raise InvalidInputError(
            "an ICMP packet has no port",
            field="port",
            value=query.port,
            limit="only with protocol tcp or udp",
        )
    source = Network.parse(query.address)
    destination = None if query.to is None else Network.parse(query.to)
    if destination is not None and destination.family != source.family:
        raise InvalidInputError(
            f"{destination} is IPv{destination.family}, and {source} is not",
            field="to",
            value=query.to,
            limit=f"an IPv{source.family} address",
        )
    is_icmpv6 = query.protocol == "icmp" and source.family == 6  # noqa: PLR2004
    return PacketQuestion(
        source=source.key,
        protocol=PROTOCOLS["icmpv6" if is_icmpv6 else query.protocol],
        port=query.port,
        destination=None if destination is None else destination.key,
    )


def _body(query: ExplainQuery, told: Told) -> ExplainBody:
    answer = told.answer
    reason, inside = answer.reason, answer.source_profile
    return ExplainBody.model_validate(
        {
            "packet": _packet(query, told.question),
            "verdict": answer.verdict,
            "reason": reason,
            "text": None if reason is None else REASON_TEXT[reason],
            "stage": None if reason is None else answer.reached[-1],
            "profile": told.profile,
            "protects_source": told.profiles.get(inside) if inside else None,
            "country": answer.country,
            "is_allowed": answer.is_allowed,
            "is_neighbor": answer.is_neighbor,
            "is_inspected": answer.is_inspected,
            "stages": [_stage(answer, stage) for stage in STAGES],
            "entries": [_covering(each) for each in told.entries],
            "entries_found": answer.entries_found,
            "limits": [LimitBody.model_validate(vars(each)) for each in answer.limits],
            "connections": _connections(answer),
            "syn_proxy": {"mode": answer.syn_proxy, "on": answer.syn_proxy_on},
            "attacks": [_attack(told, each) for each in told.attacks],
            "overlays": [_laid_over(each) for each in told.overlays],
            "other_profiles": [
                {
                    "profile": each.name,
                    "verdict": each.answer.verdict,
                    "reason": each.answer.reason,
                }
                for each in told.others
            ],
            "warnings": list(told.warnings),
        }
    )


def _packet(query: ExplainQuery, question: PacketQuestion) -> PacketBody:
    to = question.destination
    return PacketBody(
        source=str(Network(question.source, KEY_BITS)),
        destination=None if to is None else str(Network(to, KEY_BITS)),
        protocol=query.protocol,
        port=None if query.protocol == "icmp" else query.port,
    )


def _stage(answer: PacketExplanation, stage: str) -> StageBody:
    is_last = stage == answer.reached[-1] and answer.verdict != "forwarded"
    passed = "passed" if stage in answer.reached else "not_reached"
    findings = [
        {"reason": each.reason, "text": REASON_TEXT[each.reason], "mode": each.mode}
        for each in answer.findings
        if each.stage == stage
    ]
    return StageBody.model_validate(
        {
            "stage": stage,
            "outcome": answer.verdict if is_last else passed,
            "findings": findings,
        }
    )


def _covering(found: Covering) -> CoveringBody:
    return CoveringBody(
        list=found.entry.list,
        ip=str(found.entry.network),
        hits=found.entry.hits,
        decides=found.decides,
        origins=[
            OriginBody(
                origin=each.origin,
                reason=each.reason,
                created_by=each.created_by,
                created_at=rfc3339(each.created_ms),
                expires_at=None if each.expires_utc_ms is None else rfc3339(each.expires_utc_ms),
            )
            for each in found.origins
        ],
    )


def _connections(answer: PacketExplanation) -> ConnectionsBody | None:
    if answer.connections is None:
        return None
    return ConnectionsBody(proven=answer.connections, limit=answer.connections_max or None)


def _attack(told: Told, attack: Incident) -> ConcerningAttackBody:
    return ConcerningAttackBody(
        id=attack.id,
        type=attack.type,
        target=attack.target,
        profile=attack.profile,
        action=attack.action,
        started_at=rfc3339(attack.started_at),
        is_source=told.is_source(attack),
        is_target=told.is_target(attack),
    )


def _laid_over(overlay: Stored) -> LaidOverBody:
    return LaidOverBody(
        id=overlay.id,
        kind=overlay.kind,
        reason=overlay.reason,
        created_by=overlay.created_by,
        expires_at=rfc3339(overlay.expires_utc_ms),
    )
