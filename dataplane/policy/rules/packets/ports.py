"""``ports``: the permitted destination ports of packets from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.ranges import fill_ranges, merged
from dataplane.policy.rule import ALLOW_OR_DENY, Port, Rule, mistake

RANGE_PATTERN = "^[0-9]{1,5}-[0-9]{1,5}$"
PortItem: TypeAlias = Port | Annotated[str, Field(pattern=RANGE_PATTERN)]
Ports: TypeAlias = Annotated[
    Annotated[tuple[PortItem, ...], Field(max_length=64)] | None,
    Field(default=None, exclude_if=lambda ports: ports is None),
]
_PORT_MAX = 65535


class PortsRule(Rule):
    """Destination ports of one protocol: only those allowed, or all except those denied."""

    model_config = ALLOW_OR_DENY

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.PORTS_TCP, Reason.PORTS_UDP)
    TAGS: ClassVar[frozenset[str]] = frozenset({"constrained-int", "constrained-str"})

    type: Literal["ports"]
    protocol: Literal["tcp", "udp"]
    allow: Ports
    deny: Ports

    @property
    def kind(self) -> str:
        """See `Rule`."""
        return f"ports of {self.protocol}"

    @property
    def reasons_set(self) -> tuple[Reason, ...]:
        """See `Rule`."""
        return (Reason[f"PORTS_{self.protocol.upper()}"],)

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        if (self.allow is None) == (self.deny is None):
            yield mistake(path, "ports", "either 'allow' or 'deny'")
        for name, items in (("allow", self.allow), ("deny", self.deny)):
            for index, item in enumerate(items or ()):
                first, last = _range(item)
                if not first <= last <= _PORT_MAX:
                    limit = f"FIRST-LAST with 0 <= FIRST <= LAST <= {_PORT_MAX}"
                    yield mistake(f"{path}.{name}[{index}]", item, limit)
            if (count := len(merged(map(_range, items or ())))) > abi.PORT_RANGES_MAX:
                yield mistake(f"{path}.{name}", count, f"at most {abi.PORT_RANGES_MAX} ranges")

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        items = self.deny if self.allow is None else self.allow
        written: abi.PortRule = getattr(profile, f"ports_{self.protocol}")
        fill_ranges(written, merged(map(_range, items or ())), is_deny=self.deny is not None)
        profile.uses |= Use[f"PORTS_{self.protocol.upper()}"]

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        if self.allow is None:
            text = "all but " + ", ".join(map(str, self.deny or ()))
        else:
            text = "only " + (", ".join(map(str, self.allow)) or "none")
        return f"ports_{self.protocol} ports", text


def _range(item: int | str) -> tuple[int, int]:
    """First and last port."""
    if isinstance(item, int):
        return item, item
    first, last = (int(part) for part in item.split("-"))
    return first, last
