"""``/audit``."""

from __future__ import annotations

from api.access.audit import service
from api.access.audit.schemas import AuditPage, AuditQuery, AuditRow
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339, utc_ms
from api.storage.database import AnyRow, Database


def operations(database: Database) -> list[Operation]:
    """The operations on the audit trail: reading."""

    def show(call: Call) -> Answer:
        query: AuditQuery = call.query
        beyond = None if query.cursor is None else int(query.cursor)
        rows, total, following = service.page(
            database, query.limit, beyond, _only(query), oldest_first=query.sort == "oldest"
        )
        cursor = None if following is None else str(following)
        body = AuditPage(audit=[_body(row) for row in rows], total=total, next_cursor=cursor)
        return Answer(200, body)

    summary = "Every change with its key, time and source address"
    return [
        Operation("GET", "/audit", show, summary, Role.OPERATE, {200: AuditPage}, query=AuditQuery)
    ]


def _only(query: AuditQuery) -> service.Only:
    return service.Only(
        key=query.key,
        action=query.action,
        text=query.text,
        since_ms=None if query.since is None else utc_ms(query.since),
        until_ms=None if query.until is None else utc_ms(query.until),
    )


def _body(row: AnyRow) -> AuditRow:
    fields = dict(row._mapping)  # its public name, whatever it looks like
    at_ms = fields.pop("at_ms")
    return AuditRow(at=rfc3339(at_ms), **fields)
