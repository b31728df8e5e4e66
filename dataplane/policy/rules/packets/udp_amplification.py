"""``udp_amplification``: refuses answers of UDP reflectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.reflectors import NTP_PORT, REFLECTORS, Reflected
from dataplane.policy.rule import Port, Rule, mistake


class Reflector(BaseModel):
    """A UDP service whose answers are larger than the requests."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "if": {"properties": {"port": {"not": {"const": NTP_PORT}}}},
            "then": {"properties": {"ntp_modes": {"type": "null"}}},
        },
    )

    port: Port
    size_min: Annotated[int, Field(ge=8, le=65535)] = 8
    """Minimum size of a refused datagram: bytes with its UDP header of 8 bytes."""
    ntp_modes: Annotated[
        Annotated[tuple[Annotated[int, Field(ge=0, le=7)], ...], Field(min_length=1)] | None,
        Field(default=None, exclude_if=lambda modes: modes is None),
    ]
    """Only NTP datagrams of these modes (RFC 5905, 7.3); only for port 123. Missing: any
    content."""

    def __str__(self) -> str:
        modes = " or ".join(map(str, sorted(self.ntp_modes or ())))
        return f"{self.port} from {self.size_min} bytes" + (
            f" in NTP mode {modes}" if modes else ""
        )


class UdpAmplificationRule(Rule):
    """Refuses answers of reflectors: of the listed ones, or without a list of the shipped ones."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.UDP_AMPLIFICATION,)

    type: Literal["udp_amplification"]
    reflectors: Annotated[
        Annotated[tuple[Reflector, ...], Field(min_length=1, max_length=abi.REFLECTORS_MAX)] | None,
        Field(default=None, exclude_if=lambda reflectors: reflectors is None),
    ]

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        seen = set[int]()
        for index, reflector in enumerate(self.reflectors or ()):
            here = f"{path}.reflectors[{index}]"
            if reflector.port in seen:
                yield mistake(f"{here}.port", reflector.port, "each port once")
            seen.add(reflector.port)
            if reflector.ntp_modes is not None and reflector.port != NTP_PORT:
                modes = sorted(reflector.ntp_modes)
                yield mistake(f"{here}.ntp_modes", modes, f"only with port {NTP_PORT}")

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`; the packet path needs them in the order of their ports."""
        for place, (port, answers) in zip(
            profile.reflector, sorted(self._reflected().items()), strict=False
        ):
            place.port, place.size_min = port, answers.size_min
            place.ntp_modes = sum(1 << mode for mode in answers.ntp_modes)
            profile.reflector_count += 1
        profile.uses |= Use.REFLECTORS

    def _reflected(self) -> dict[int, Reflected]:
        if self.reflectors is None:
            return REFLECTORS
        return {
            one.port: Reflected(one.size_min, frozenset(one.ntp_modes or ()))
            for one in self.reflectors
        }

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        shown = "those shipped" if self.reflectors is None else ", ".join(map(str, self.reflectors))
        return "udp_amplification reflectors", shown
