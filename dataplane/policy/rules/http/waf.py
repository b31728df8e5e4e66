"""``waf``: the maximum action for requests that match a rule of the WAF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import Reason
from dataplane.policy.rule import Action, Rule, mistake
from dataplane.waf.document import GROUP_PATTERN, GROUPS_MAX, NO_GROUP

GroupName = Annotated[str, Field(pattern=GROUP_PATTERN)]


class WafRule(Rule):
    """The maximum action of the WAF's rules in this profile, and that of each group of rules."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.WAF_RULE,)

    type: Literal["waf"]
    groups: Annotated[
        dict[GroupName, Action],
        Field(
            default_factory=dict,
            max_length=GROUPS_MAX,
            exclude_if=lambda groups: not groups,
            json_schema_extra={
                "propertyNames": {"pattern": GROUP_PATTERN, "not": {"const": NO_GROUP}}
            },
        ),
    ]

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        if NO_GROUP in self.groups:
            yield mistake(f"{path}.groups", NO_GROUP, "it stands for rules without a group")

    def groups_set(self) -> Mapping[str, Action]:
        """See `Rule`. The lower one of the action of a group and the rule's own action applies."""
        return self.groups

    def setting(self) -> tuple[str, str] | None:
        """See `Rule`."""
        if not self.groups:
            return None
        return "groups", ", ".join(f"{name} {mode}" for name, mode in sorted(self.groups.items()))
