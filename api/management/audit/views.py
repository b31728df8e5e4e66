"""``/audit``."""

from __future__ import annotations

from api.common.errors import FieldError, UnprocessableError
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.common.schemas import PageQuery, rfc3339
from api.management.audit import service
from api.management.audit.schemas import AuditPage, AuditRow
from api.management.database import AnyRow, Database

_DIGITS_MAX = 18


def operations(database: Database) -> list[Operation]:
    """What can be done with the audit trail: read it."""

    def show(call: Call) -> Answer:
        query: PageQuery = call.query
        rows, total, following = service.page(database, query.limit, _read_cursor(query.cursor))
        cursor = None if following is None else str(following)
        body = AuditPage(audit=[_body(row) for row in rows], total=total, next_cursor=cursor)
        return Answer(200, body)

    summary = "Who changed what, when, from where; newest first"
    return [
        Operation("GET", "/audit", show, summary, Role.OPERATE, {200: AuditPage}, query=PageQuery)
    ]


def _read_cursor(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        message = "cursor: not one of the audit trail's"
        what = FieldError("cursor", text, "a next_cursor of the audit trail", message)
        raise UnprocessableError(message, errors=[what])
    return int(text)


def _body(row: AnyRow) -> AuditRow:
    fields = dict(row._mapping)  # its public name, whatever it looks like
    at_ms = fields.pop("at_ms")
    return AuditRow(at=rfc3339(at_ms), **fields)
