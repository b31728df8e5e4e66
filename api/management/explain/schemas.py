"""The query and the answer of ``/explain``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import FromDecimal, Strict, Timestamp
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.network_schema import address_schema
from dataplane.base.networks import Network

PORT = 443
"""The default of ``port``."""
_TEXT_MAX = 64


def _address(text: str) -> str:
    try:
        is_address = Network.parse(text).is_address
    except InvalidInputError:
        is_address = False
    if not is_address:
        limit = "one IPv4 or IPv6 address"
        raise PydanticCustomError("address", "no address: must be {limit}", {"limit": limit})
    return text


Address = Annotated[
    str,
    Field(min_length=1, max_length=_TEXT_MAX),
    AfterValidator(_address),
    WithJsonSchema(address_schema("one address")),
]
Verdict = Literal["forwarded", "dropped", "challenged"]
Mode = Literal["off", "monitor", "enforce"]


class ExplainQuery(Strict):
    """A packet from outside that may begin a connection: a SYN, a datagram, an echo request."""

    address: Address
    """The source address."""
    to: Address | None = None
    """The destination address, of the same family. None: the default profile is asked, then the
    other profiles."""
    port: Annotated[int, Field(ge=1, le=65_535), FromDecimal] = PORT
    """The destination port; refused for ICMP."""
    protocol: Literal["tcp", "udp", "icmp"] = "tcp"


class PacketBody(Strict):
    """The packet of the question."""

    source: str
    destination: str | None
    protocol: Literal["tcp", "udp", "icmp"]
    port: int | None


class FindingBody(Strict):
    """A reason of a stage against the packet."""

    reason: str
    text: str
    mode: Mode
    """``monitor``: counted, and the packet goes on."""


class StageBody(Strict):
    """A stage and its result for the packet."""

    stage: str
    outcome: Literal["passed", "dropped", "challenged", "not_reached"]
    findings: list[FindingBody]


class OriginBody(Strict):
    """The author of an entry, its time and its reason."""

    origin: str
    reason: str | None
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None


class CoveringBody(Strict):
    """An entry of a list that contains the source."""

    list: Literal["allowlist", "blacklist"]
    ip: str
    hits: int
    decides: bool
    origins: Sequence[OriginBody]
    """Empty: the entry is not, or no longer, in the database."""


class LimitBody(Strict):
    """A limit of the profile and its bucket, which fills up with ``rate`` a second."""

    reason: str
    mode: Mode
    scope: Literal["source", "prefix", "destination", "global"]
    unit: Literal["packets", "bits", "connections", "requests"]
    icmp_only: bool
    prefix_length: int
    """Leading bits of the address that select the bucket."""
    rate: int
    size: int
    room: int
    """The present amount, of ``size``."""
    pays: Literal["now", "after_handshake", "no"]
    is_known: bool
    """False: the source has no bucket of its own yet, or no destination is given."""


class ConnectionsBody(Strict):
    """Proven connections of the source."""

    proven: int
    limit: int | None


class SynProxyBody(Strict):
    """The mode of the SYN proxy; ``on``: new connections go through it now."""

    mode: Literal["off", "auto", "always"]
    on: bool


class ConcerningAttackBody(Strict):
    """An active attack that concerns the packet."""

    id: str
    type: str
    target: str
    profile: str
    action: str
    started_at: Timestamp
    is_source: bool
    """The source is among the heaviest sources of the attack."""
    is_target: bool
    """The destination, its profile or the port is the target of the attack."""


class LaidOverBody(Strict):
    """An overlay of the profile: panic mode, or a response."""

    id: str
    kind: str
    reason: str | None
    created_by: str
    expires_at: Timestamp


class OtherProfileBody(Strict):
    """A profile that would treat the packet differently."""

    profile: str
    verdict: Verdict
    reason: str | None


class ExplainBody(Strict):
    """The verdict on the packet now, and its reasons."""

    packet: PacketBody
    verdict: Verdict
    """``challenged``: the SYN proxy answers, and the client must prove itself."""
    reason: str | None
    """The reason of a drop."""
    text: str | None
    """The reason as text."""
    stage: str | None
    """The stage that drops it."""
    profile: str
    protects_source: str | None
    """The profile whose prefixes contain the source. The source then is a protected address."""
    country: str | None
    """``ZZ``: the database does not have the source. None: there is no database."""
    is_allowed: bool
    is_neighbor: bool
    """The packet belongs to an allowed protocol of a neighbour that the policy names."""
    is_inspected: bool
    """The HTTP requests of its connection are inspected."""
    stages: list[StageBody]
    entries: list[CoveringBody]
    """The longest prefix first."""
    entries_found: int
    limits: list[LimitBody]
    connections: ConnectionsBody | None
    """None: connections are not tracked, or the packet does not reach the stage."""
    syn_proxy: SynProxyBody
    attacks: list[ConcerningAttackBody]
    overlays: list[LaidOverBody]
    other_profiles: list[OtherProfileBody]
    """Without a destination: profiles that would treat the packet differently."""
    warnings: list[str]
