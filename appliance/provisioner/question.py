"""The requests: four verbs, and for two of them a node's name."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from api.common.contract.schemas import Strict
from api.orchestrator.nodes.schemas import Labels
from api.orchestrator.scaling.protocol import LINE_BYTES_MAX, NODE, OF_A_NODE, PROVIDER
from dataplane.base.errors import SecBeatError

PROTOCOL = 1


class QuestionError(SecBeatError):
    """The request is invalid."""


class Fleet(Strict):
    """The data with which a new node joins the fleet."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,255}$")]
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{20,128}$")]
    labels: Labels


class Question(Strict):
    """One request."""

    verb: Literal["create", "destroy", "list", "capacity"]
    provider: Annotated[str, Field(pattern=f"^{PROVIDER.pattern}$")]
    node: Annotated[str, Field(pattern=f"^{NODE.pattern}$")] | None = None
    fleet: Fleet | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.node is not None) != (self.verb in OF_A_NODE):
            raise ValueError(f"node: {' and '.join(OF_A_NODE)} name one, nothing else does")
        if (self.fleet is not None) != (self.verb == "create"):
            raise ValueError("fleet: create has it, nothing else does")
        return self

    def for_provider(self) -> dict[str, Any]:
        """The request as the provider reads it."""
        said = self.model_dump(exclude={"provider"}, exclude_none=True)
        return {"protocol": PROTOCOL, **said}


def read(line: bytes) -> Question:
    """Raises `QuestionError`."""
    if len(line) > LINE_BYTES_MAX:
        raise QuestionError(f"a question of {len(line)} bytes, at most {LINE_BYTES_MAX}")
    try:
        return Question.model_validate_json(line)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in found["loc"]) or "question"
        raise QuestionError(f"{where}: {found['msg']}") from None


def text(question: Question) -> bytes:
    """The text that is written to the provider."""
    return json.dumps(question.for_provider()).encode() + b"\n"
