"""Operations: declared once, for the router and for the OpenAPI document.

A handler gets a `Call` with all values parsed and admitted, and returns an `Answer`. It does not
use Flask. The order for every request: admit (key, role, rate), read query and body, run once
(idempotency), handle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flask import Flask, Response, g, request
from pydantic import BaseModel

from api.common.contract.errors import NotFoundError
from api.common.contract.roles import Principal, Role
from api.common.exchange import arrival, bodies
from api.common.exchange.streams import Stream

JSON = "application/json"
_DIGITS_MAX = 18
"""Maximum of a number in a path: the largest integer of the databases."""


@dataclass(frozen=True)
class Answer:
    """A status, a body or none, and headers."""

    status: int
    body: BaseModel | bytes | Stream | None = None
    """Bytes and streams have the media type that the operation declares."""
    headers: Mapping[str, str] = field(default_factory=dict)


OnCommit = Callable[[Any, Any, int], None]
Remember = Callable[[Callable[[Any, int], Answer]], OnCommit]


def _forget(_answer: Callable[[Any, int], Answer]) -> OnCommit:
    """Returns a callback that stores nothing, for requests without an idempotency key."""
    return lambda _connection, _result, _revision: None


@dataclass(frozen=True)
class Call:
    """One admitted request; ``body`` and ``query`` are of the types the operation names."""

    operation: Operation
    principal: Principal
    request_id: str
    path: Mapping[str, str]
    query: Any
    body: Any
    fingerprint: bytes
    """SHA-256 of query and body, to which an idempotency key is bound."""
    idempotency_key: str | None
    last_event_id: int | None = None
    """The last event of a stream that the client has; None: it has none."""
    remember: Remember = _forget
    """Makes the function that a change calls within its transaction, from one that converts the
    change's result and revision to the answer. So a repeated request finds the answer."""

    def number(self, what: str) -> int:
        """``{number}`` of the path, which is called `what`. Raises `NotFoundError`."""
        text = self.path["number"]
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
            raise NotFoundError(f"{what} is a number, not {text!r}")
        return int(text)


Handler = Callable[["Call"], Answer]


@dataclass(frozen=True)
class Operation:
    """One method of one path, and its entry in the OpenAPI document; no role: no key needed."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """In the form of OpenAPI: ``/blacklist/{network}``."""
    handler: Handler
    summary: str
    role: Role | None
    answers: Mapping[int, type[BaseModel] | None]
    errors: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    uploads: tuple[str, ...] = ()
    """Media types of a body that is spooled to a file instead of parsed."""
    idempotent: bool = False
    secret: bool = False
    """The answer contains a secret that must not be stored: a repeated request is refused."""
    etag: bool = False
    media: str = JSON
    """Status of a successful answer."""
    resumes: bool = False
    """A stream that continues after the event in the header Last-Event-ID."""
    lane: Literal["pool", "instant", "apart"] = "pool"
    """The thread that runs it: see `api.serving.bridge.Lanes`."""

    @property
    def cost(self) -> Literal["read", "write"]:
        """The rate limit that it counts against."""
        return "read" if self.method == "GET" else "write"

    @property
    def name(self) -> str:
        """The operation's id: unique, and stable for generated clients."""
        words = self.path.replace("{", "by_").replace("}", "").strip("/").replace("/", "_")
        return f"{self.method.lower()}_{words}".replace(".", "_").replace("-", "_")


class Gate(Protocol):
    """The checks before the handlers."""

    def admit(self, operation: Operation) -> Principal:
        """The principal of the request; raises if key, role or rate do not permit it."""
        ...

    def once(self, call: Call) -> Answer | Response:
        """Run the call's handler, or repeat the answer to the same idempotency key."""
        ...


def mount(
    app: Flask, prefix: str, operations: Sequence[Operation], gate: Gate, spool: bodies.Spool
) -> None:
    """Route all operations below the prefix."""
    for operation in operations:
        rule = prefix + operation.path.replace("{network}", "<path:network>")
        rule = rule.replace("{", "<").replace("}", ">")
        app.add_url_rule(
            rule,
            endpoint=operation.name,
            view_func=_view(operation, gate, spool),
            methods=[operation.method],
            provide_automatic_options=False,
        )


def render(answer: Answer, media: str = JSON) -> Response:
    """An answer as a Flask response."""
    body, status = answer.body, answer.status
    if body is None:
        response = Response(status=status)
    elif isinstance(body, BaseModel):
        response = Response(to_text(body), status, content_type=media)
    elif isinstance(body, bytes):
        response = Response(body, status, content_type=media)
    else:  # the server gets the stream itself
        response = Response(body, status, content_type=media, direct_passthrough=True)
    response.headers.extend(dict(answer.headers))
    return response


def to_text(body: BaseModel) -> str:
    """A body as text: one line of JSON with a newline, so that a shell's prompt starts on a new
    line."""
    return body.model_dump_json() + "\n"


def entity_tag(body: bytes) -> str:
    """The header ETag for an answer's body: a weak tag (RFC 9110, 8.8.3)."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'


def _view(operation: Operation, gate: Gate, spool: bodies.Spool) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        principal = _admit(gate, operation)
        g.key_name = principal.name
        _require_text(path)
        query = bodies.read_query(operation.query)
        key = bodies.read_idempotency_key() if operation.idempotent else None
        with bodies.read_body(operation.body, operation.uploads, spool) as (body, digest):
            call = Call(
                operation=operation,
                principal=principal,
                request_id=g.request_id,
                path=path,
                query=query,
                body=body,
                fingerprint=_fingerprint(digest),
                idempotency_key=key,
                last_event_id=bodies.read_last_event_id() if operation.resumes else None,
            )
            answer = gate.once(call)
        response = answer if isinstance(answer, Response) else render(answer, operation.media)
        return _conditional(response) if operation.etag else response

    return view


def _require_text(path: Mapping[str, str]) -> None:
    """Refuse a NUL, which PostgreSQL accepts in no text. Raises `NotFoundError`."""
    for name, value in path.items():
        if "\0" in value:
            raise NotFoundError(f"{name} in the path has a NUL character: nothing has such a name")


def _admit(gate: Gate, operation: Operation) -> Principal:
    """Admit a request once, also if it returns with its body."""
    coming = arrival.of(request.environ)
    if coming is None:
        return gate.admit(operation)
    coming.principal = coming.principal or gate.admit(operation)
    return coming.principal


def _fingerprint(digest: bytes) -> bytes:
    query = json.dumps(sorted(request.args.items(multi=True))).encode()
    return hashlib.sha256(query + b"\0" + digest).digest()


def _conditional(response: Response) -> Response:
    """Add the content's tag to the answer; 304 if the client has that content (RFC
    9110, 13.1.2)."""
    response.headers["ETag"] = entity_tag(response.get_data())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
