"""``http`` of a profile: the ports with HTTP connections, and the settings of their inspection.

The rules ``http_framing`` and ``waf`` set the action for refused requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Use
from dataplane.policy.rule import mistake

Fail: TypeAlias = Literal["open", "closed"]
"""The treatment of a connection that can't be inspected."""
Other: TypeAlias = Literal["refuse", "pass"]
"""The treatment of a connection that does not begin like HTTP/1."""


SECONDS_MAX = 1800
RATE_MAX = 1_000_000


class HttpSection(BaseModel):
    """HTTP/1 connections to these ports are inspected: parsed, and matched against WAF rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(
            min_length=1,
            max_length=abi.HTTP_PORTS_MAX,
            json_schema_extra={"uniqueItems": True},
        ),
    ]
    fail: Fail = "open"
    body_limit: Annotated[int, Field(ge=0, le=abi.HTTP_BODY_LIMIT_MAX)] = abi.HTTP_BODY_LIMIT
    other: Other = "refuse"
    head_seconds: Annotated[int, Field(ge=1, le=SECONDS_MAX)] = 30
    """Time in which the head of a request must be complete."""
    body_seconds: Annotated[int, Field(ge=1, le=SECONDS_MAX)] = 30
    """Time that a client may be behind `body_rate` with a body."""
    body_rate: Annotated[int, Field(ge=1, le=RATE_MAX)] = 500
    """Bytes per second."""
    read_seconds: Annotated[int, Field(ge=1, le=SECONDS_MAX)] = 60
    """Time that a client may be behind `read_rate` with the acknowledgment of a response."""
    read_rate: Annotated[int, Field(ge=1, le=RATE_MAX)] = 500

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """The mistakes in the section that its types can't express."""
        for index, port in enumerate(self.ports):
            if port in self.ports[:index]:
                yield mistake(f"{path}.ports[{index}]", port, "each port once", "is there already")

    def fill(self, profile: abi.Profile, *, enforced: bool) -> None:
        """Write the section into a profile; ``enforced`` False: it must refuse nothing."""
        http = profile.http
        http.port_count = len(self.ports)
        for index, port in enumerate(sorted(self.ports)):
            http.port[index] = port
        http.body_limit = self.body_limit
        http.fail_closed = enforced and self.fail == "closed"
        http.pass_other = self.other == "pass"
        http.head_s = self.head_seconds
        http.body_s, http.body_rate = self.body_seconds, self.body_rate
        http.read_s, http.read_rate = self.read_seconds, self.read_rate
        profile.uses |= Use.HTTP


OptionalHttp: TypeAlias = Annotated[
    HttpSection | None, Field(exclude_if=lambda section: section is None)
]


def http_text(written: Mapping[str, Any]) -> str:
    """A section, also a stored one, as text for operators."""
    ports = written.get("ports")
    shown = ", ".join(map(str, sorted(ports, key=str))) if isinstance(ports, list) else str(ports)
    values = {name: written.get(name, usual) for name, usual in _USUAL.items()}
    return f"ports {shown}; {_TEXT}".format(**values)


_USUAL = {name: one.default for name, one in HttpSection.model_fields.items() if name != "ports"}
_TEXT = (
    "{body_limit} bytes of a body; fails {fail}; what is not HTTP: {other}; "
    "heads in {head_seconds} s, bodies {body_seconds} s behind {body_rate} bytes/s, "
    "responses {read_seconds} s behind {read_rate} bytes/s"
)
