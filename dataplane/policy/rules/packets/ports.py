"""``ports``: which destination ports packets may come in to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.ranges import fill_ranges, merged
from dataplane.policy.rule import ALLOW_OR_DENY, Port, Rule, refuse

PortItem: TypeAlias = Port | Annotated[str, Field(pattern="^[0-9]{1,5}-[0-9]{1,5}$")]
Ports: TypeAlias = Annotated[
    Annotated[tuple[PortItem, ...], Field(max_length=64)] | None,
    Field(default=None, exclude_if=lambda ports: ports is None),
]
_PORT_MAX = 65535


class PortsRule(Rule):
    """Destination ports of one protocol: those alone, or all but those."""

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

    def check(self, path: str) -> None:
        """See `Rule`."""
        if (self.allow is None) == (self.deny is None):
            refuse(path, "ports", "either 'allow' or 'deny'")
        self.ranges(path)

    def ranges(self, path: str) -> list[tuple[int, int]]:
        """First and last port of each range, ascending and disjoint; what touches is one."""
        name, items = ("deny", self.deny) if self.allow is None else ("allow", self.allow)
        found = [_range(item, f"{path}.{name}[{i}]") for i, item in enumerate(items or ())]
        ranges = merged(found)
        if len(ranges) > abi.PORT_RANGES_MAX:
            refuse(f"{path}.{name}", len(ranges), f"at most {abi.PORT_RANGES_MAX} ranges")
        return ranges

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        written: abi.PortRule = getattr(profile, f"ports_{self.protocol}")
        fill_ranges(written, self.ranges(self.type), is_deny=self.deny is not None)
        profile.uses |= Use[f"PORTS_{self.protocol.upper()}"]

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        if self.allow is None:
            text = "all but " + ", ".join(map(str, self.deny or ()))
        else:
            text = "only " + (", ".join(map(str, self.allow)) or "none")
        return f"ports_{self.protocol} ports", text


def _range(item: int | str, path: str) -> tuple[int, int]:
    if isinstance(item, int):
        return item, item
    first, last = (int(part) for part in item.split("-"))
    if not first <= last <= _PORT_MAX:
        refuse(path, item, f"FIRST-LAST with 0 <= FIRST <= LAST <= {_PORT_MAX}")
    return first, last
