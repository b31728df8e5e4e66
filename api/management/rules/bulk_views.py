"""``/rules/import``, its jobs, and ``/rules/evidence``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.common.exchange.bodies import Upload
from api.management.rules.jobs import Job
from api.management.rules.schemas import (
    EvidenceBody,
    EvidencePage,
    EvidenceQuery,
    ImportQuery,
    JobBody,
    RefusedLine,
)
from api.management.rules.values import Stored
from api.management.rules.views import Parts
from api.rules.lines import NDJSON, read_lines
from dataplane.client import Evidence
from dataplane.waf.document import parse_rule_id, rule_id


class BulkViews:
    """The handlers of operations on many rules."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def import_(self, call: Call) -> Answer:
        """Read a body, and start a job that imports it."""
        query: ImportQuery = call.query
        upload: Upload = call.body
        now_ms = self._parts.clock.utc_ms()
        lines = list(read_lines(upload.path, now_ms))
        self._parts.rules.check_many([line.wanted for line in lines])
        actor = Actor(call.principal, call.request_id)
        job = self._parts.jobs.begin(actor, lines, query.on_refused, now_ms)
        return Answer(202, job_body(job), {"Location": f"/api/v1/rules/jobs/{job.id}"})

    def job(self, call: Call) -> Answer:
        """The progress of an import."""
        return Answer(200, job_body(self._parts.jobs.get(call.path["job"])))

    def evidence(self, call: Call) -> Answer:
        """The newest hits of rules."""
        query: EvidenceQuery = call.query
        number = None if query.rule is None else parse_rule_id(query.rule)
        found = self._parts.plane.evidence(query.limit, number)
        boot_ms, utc_ms = self._parts.clock.boot_ms(), self._parts.clock.utc_ms()
        numbers = {each.rule for each in found}
        rules, hits = self._parts.rules.find(numbers), self._parts.plane.rule_hits([*numbers]) or {}
        rows = [
            evidence_body(
                each,
                utc_ms - (boot_ms - each.boot_ms),
                rules.get(each.rule),
                hits.get(each.rule),
            )
            for each in found
        ]
        return Answer(200, EvidencePage(evidence=rows))


def operations(parts: Parts) -> list[Operation]:
    """The operations on many rules."""
    views = BulkViews(parts)
    return [
        Operation(
            "POST",
            "/rules/import",
            views.import_,
            "Start a job that adds up to 50,000 rules to the WAF, all or none",
            Role.OPERATE,
            {202: JobBody},
            errors=(409, 503),
            query=ImportQuery,
            uploads=(NDJSON,),
            idempotent=True,
        ),
        Operation(
            "GET",
            "/rules/jobs/{job}",
            views.job,
            "The progress of an import of rules, and its result",
            Role.READ,
            {200: JobBody},
            errors=(404,),
        ),
        Operation(
            "GET",
            "/rules/evidence",
            views.evidence,
            "The newest requests that rules of the WAF hit, newest first",
            Role.OPERATE,
            {200: EvidencePage},
            errors=(503,),
            query=EvidenceQuery,
        ),
    ]


def job_body(job: Job) -> JobBody:
    """The body of a job."""
    return JobBody(
        id=job.id,
        state=job.state,
        lines=job.lines,
        checked=job.checked,
        added=job.added,
        refused=job.refused,
        refused_lines=[
            RefusedLine(line=line, pattern=pattern, why=why)
            for line, pattern, why in list(job.refused_lines)
        ],
        revision=job.revision,
        error=job.error,
        warnings=list(job.warnings),
        created_at=rfc3339(job.created_ms),
    )


def evidence_body(
    found: Evidence, utc_ms: int, rule: Stored | None, hits: int | None
) -> EvidenceBody:
    """The body of a hit; ``rule``: its present state, None: it was deleted."""
    return EvidenceBody(
        at=rfc3339(utc_ms),
        rule=rule_id(found.rule),
        name=None if rule is None else rule.name,
        group=None if rule is None else rule.group,
        action=found.action,
        severity=found.severity,
        hits=hits,
        mode=found.mode,
        incident=found.incident or None,
        client=found.client,
        client_port=found.client_port,
        host=found.protected,
        port=found.protected_port,
        profile=found.profile,
        path=found.path,
        target=found.target,
        request_line=found.line,
        excerpt=found.excerpt,
    )
