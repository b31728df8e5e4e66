"""Bodies of nodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AllowInfNan, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import PAGE_DEFAULT, FromFlag, PageLimit, Strict, Timestamp, Whole
from api.orchestrator.selector import CHARACTERS_MAX, SELECTOR_SCHEMA, parse_selector
from api.orchestrator.threats.reports import ReportedIncident, Time
from dataplane.base.errors import InvalidInputError

NODE_ID = "^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$"
NodeId = Annotated[str, Field(pattern=NODE_ID)]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$")]
LABELS_MAX = 32
Labels = Annotated[dict[Label, Label], Field(max_length=LABELS_MAX)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text without control characters: PostgreSQL keeps no NUL."""
Word = Annotated[Line, Field(max_length=64)]
RuleTypes = Annotated[list[Word], Field(max_length=64)]
"""Types of policy rules that a node supports."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Mode = Literal["tcp", "syn", "l7"]
Health = Literal["healthy", "degraded", "unhealthy"]
Status = Literal["registering", "healthy", "degraded", "unreachable", "draining"]
Reason = Annotated[Line, Field(max_length=200)]


Finite = Field(ge=-(10**18), le=10**18)
Real = Annotated[float, Finite, AllowInfNan(allow_inf_nan=False)]


def _selector(text: str) -> str:
    try:
        parse_selector(text)
    except InvalidInputError as exc:
        context = {"error": str(exc), "limit": str(exc.limit)}
        raise PydanticCustomError("selector", "{error}: {limit}", context) from exc
    return text


class Registration(Strict):
    """A node's enrolment. The key stays on the node; only its hash is sent."""

    id: NodeId
    uuid: Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    key_sha256: Sha256
    address: Annotated[Line, Field(min_length=1, max_length=255)]
    version: Word
    labels: Labels = Field(default_factory=dict)
    rule_types: RuleTypes = Field(default_factory=list)


class Applied(Strict):
    """The node's result for one part of its desired state."""

    epoch: Word | None = None
    number: Annotated[int, Field(ge=0, le=10**18), Whole] = 0
    state: Literal["applied", "pending", "rejected", "overridden"] = "applied"
    message: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] | None = None


class Followed(Applied):
    """The result, and whether the part is complete."""

    wanted: int | None
    """The number that the node should have now; null: the fleet has no policy for it."""
    is_newest: bool


class Heartbeat(Strict):
    """The state of a node: sent every ten seconds, and at once after a change."""

    boot_id: Word
    at: Time
    mode: Mode
    health: Health
    reasons: Annotated[list[Reason], Field(max_length=32)] = Field(default_factory=list)
    load: Annotated[float, Field(ge=0, le=1), AllowInfNan(allow_inf_nan=False)]
    version: Word
    rule_types: RuleTypes | None = None
    """None: not changed."""
    address: Annotated[Line, Field(min_length=1, max_length=255)]
    stats: Annotated[
        dict[Word, Annotated[int, Finite] | Real | None],
        Field(max_length=64),
    ] = Field(default_factory=dict)
    applied: dict[Literal["policy", "lists", "rules", "drain"], Applied] = Field(
        default_factory=dict
    )
    """The applied state of each part. Number 1 of ``drain``: the node drains; 0: it does not."""
    incidents: Annotated[list[ReportedIncident], Field(max_length=100)] = Field(
        default_factory=list
    )
    """In the form of the node's ``GET /attacks/<id>``: new or changed incidents that are not
    acknowledged."""


class AcknowledgedIncident(Strict):
    """An incident that the orchestrator has stored, as the node sent it."""

    id: str
    updated_at: Timestamp


class HeartbeatAnswer(Strict):
    """The parts of a heartbeat that the orchestrator has stored."""

    at: Timestamp
    acknowledged: list[AcknowledgedIncident]


class RegistrationAnswer(Strict):
    """The answer to an enrolment: the node is registered."""

    id: str
    status: Status
    epoch: str


class NodeBody(Strict):
    """A node, as the orchestrator knows it."""

    id: str
    uuid: str
    address: str
    status: Status
    reasons: list[str]
    mode: Mode | None
    load: float | None
    version: str
    labels: dict[str, str]
    desired: Literal["active", "draining"]
    clock_off_ms: int | None
    policy: Followed | None
    """Null, here and in other fields: the node has not reported it."""
    lists: Followed | None
    rules: Followed | None
    drain: Applied | None
    """The node's results for ``desired``. Number 1: it drains; 0: it does not."""
    registered_at: Timestamp
    last_seen_at: Timestamp | None
    stats: dict[str, float | int | None]


class NodesQuery(Strict):
    """A filter of nodes, and the page: follow ``next_cursor`` until it is null."""

    status: Status | None = None
    mode: Mode | None = None
    labels: (
        Annotated[
            str,
            Field(max_length=CHARACTERS_MAX),
            AfterValidator(_selector),
            WithJsonSchema(SELECTOR_SCHEMA),
        ]
        | None
    ) = None
    """``site=fra,role in (edge,core)``: nodes to which all terms apply."""
    text: Annotated[Line, Field(min_length=1, max_length=64)] | None = None
    """Text within the id or address."""
    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=NODE_ID)] | None = None


class LabelsRequest(Strict):
    """Labels to set; null removes a label. Labels that are not named stay."""

    labels: Annotated[dict[Label, Label | None], Field(max_length=2 * LABELS_MAX)]


class NodeKeyRequest(Strict):
    """The hash of a key that the node has made. It is valid beside the old key until its first
    use."""

    key_sha256: Sha256


class NodeKeyAnswer(Strict):
    """The node to which the key belongs."""

    id: str


class DeleteQuery(Strict):
    """With ``allow_again``, the node may enrol again with its present key."""

    allow_again: Annotated[bool, FromFlag] = False


class NodePage(Strict):
    """Nodes, by id."""

    nodes: list[NodeBody]
    total: int
    next_cursor: str | None


class TokenRequest(Strict):
    """An enrolment token to make; a field that is not set means no limit."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    uses_max: Annotated[int, Field(ge=1, le=100_000), Whole] | None = None
    expires_in_seconds: Annotated[int, Field(ge=1, le=315_360_000), Whole] | None = None


class TokenBody(Strict):
    """An enrolment token without its text."""

    id: str
    name: str
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    uses: int
    uses_max: int | None


class NewTokenBody(TokenBody):
    """A token that was just made: the only answer that has its text."""

    token: str


class TokenList(Strict):
    """All tokens, oldest first."""

    tokens: list[TokenBody]
    total: int
