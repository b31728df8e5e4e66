"""Neighbours: outside routers that exchange routing protocols with inside routers through the node.

Link control (``fastpath/include/defs/link.def``) needs no neighbour: only protocols whose packets
cross a router, or have a TTL as if they had, need one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.network_schema import network_schema
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.policy.rule import mistake

NAME_LENGTH_MAX = 64
BITS_MIN: dict[Literal[4, 6], int] = {4: 96 + 24, 6: 64}
"""Minimum prefix length of each family, of 128 bits: a few routers, not a part of the internet."""
_ADDRESS = network_schema(
    "a router, or a prefix with routers: /24 to /32 (IPv4), /64 to /128 (IPv6)",
    ("(2[4-9]|3[0-2])", "(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-8])"),
)
Protocol: TypeAlias = Literal["bgp", "bfd", "ospf", "eigrp", "rip", "ldp", "msdp", "pim", "vrrp"]
"""``fastpath/include/defs/neighbor.def``; a test compares."""


class NeighborDocument(BaseModel):
    """A router, or the routers of a small prefix, and the protocols for which they are exempt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, Field(max_length=64), WithJsonSchema(_ADDRESS)]
    protocols: Annotated[tuple[Protocol, ...], Field(min_length=1, max_length=abi.NEIGHBOR_COUNT)]
    name: Annotated[
        Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)] | None,
        Field(exclude_if=lambda name: name is None),
    ] = None
    """A name for operators."""

    @property
    def network(self) -> Network:
        """The address in the form of the tables. Raises InvalidInputError."""
        return Network.parse(self.address)

    def setting(self) -> tuple[str, str]:
        """The neighbour's name and content for the comparison of policies."""
        said = ", ".join(sorted(set(self.protocols)))
        return f"neighbor {self.network}", said if self.name is None else f"{said} ({self.name})"


Neighbors: TypeAlias = Annotated[
    tuple[NeighborDocument, ...],
    Field(max_length=abi.NEIGHBORS_MAX, exclude_if=lambda neighbors: not neighbors),
]
_NEIGHBOR = TypeAdapter(NeighborDocument)


class CompiledNeighbor(NamedTuple):
    """A neighbour in the form of the packet path."""

    network: Network
    protocols: int
    """Bit n: ``abi.Neighbor`` n."""


def compile_neighbors(neighbors: Sequence[NeighborDocument]) -> list[CompiledNeighbor]:
    """The neighbours of a valid policy, in order."""
    return [
        CompiledNeighbor(
            one.network, sum(1 << abi.Neighbor[said.upper()] for said in set(one.protocols))
        )
        for one in neighbors
    ]


def check_neighbors(neighbors: Sequence[NeighborDocument]) -> Iterator[InvalidInputError]:
    """The mistakes in them that their types can't express."""
    seen = dict[Network, str]()
    for index, neighbor in enumerate(neighbors):
        here = f"neighbors[{index}].address"
        try:
            network = neighbor.network
        except InvalidInputError as error:
            yield InvalidInputError(
                f"{here}: {error}", field=here, value=neighbor.address, limit=error.limit
            )
            continue
        if network.prefix_length < BITS_MIN[network.family]:
            limit = "an address, or a prefix of at least /24 of IPv4 or /64 of IPv6"
            yield mistake(here, neighbor.address, limit, "is no neighbour but a network")
        if network in seen:
            yield mistake(here, neighbor.address, "each once", f"is there already, {seen[network]}")
        seen[network] = here


def read_neighbor(written: Any) -> NeighborDocument | None:
    """A stored neighbour as a model; None: this release refuses it."""
    try:
        neighbor = _NEIGHBOR.validate_python(written)
    except ValidationError:
        return None
    return None if any(check_neighbors([neighbor])) else neighbor
