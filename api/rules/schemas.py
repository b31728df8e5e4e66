"""Bodies of the WAF's rules as the node's API and the fleet's both take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import SENT_TIME, Strict, utc_ms
from dataplane.base.errors import InvalidInputError
from dataplane.waf.document import (
    GROUP_PATTERN,
    NAME_CHARACTERS_MAX,
    NO_GROUP,
    PATTERN_BYTES_MAX,
    PROFILES_MAX,
    TARGETS_MAX,
    RuleAction,
    Severity,
    parse_group,
    parse_pattern,
    parse_targets,
)

_TARGET = r"^(any|method|path|query|cookie|body|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$"


def _checked(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Adapts a check of the data plane to pydantic."""

    def check(value: Any) -> Any:
        try:
            return parse(value)
        except InvalidInputError as exc:
            context = {"limit": exc.limit, "error": str(exc)}
            raise PydanticCustomError("rule", "{error}", context) from exc

    return check


def _known(value: object) -> object:
    if value == "challenge":
        text = "challenge is not there yet: this version has {limit}"
        raise PydanticCustomError("action", text, {"limit": "block and log"})
    return value


Pattern = Annotated[
    str,
    AfterValidator(_checked(parse_pattern)),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": PATTERN_BYTES_MAX,
            "pattern": "^[^\\u0000]*$",
            "description": "a regular expression, matched as UTF-8 bytes; at most "
            f"{PATTERN_BYTES_MAX} of them, none of which is NUL",
            "examples": ["(?i)(union.*select|select.*from)"],
        }
    ),
]
Action = Annotated[RuleAction, BeforeValidator(_known)]
Targets = Annotated[
    list[Annotated[str, Field(pattern=_TARGET)]],
    Field(
        min_length=1,
        max_length=TARGETS_MAX,
        description="the parts of a request that the rule searches",
        json_schema_extra={
            "if": {"contains": {"const": "any"}},
            "then": {"items": {"const": "any"}},
        },
    ),
    AfterValidator(_checked(lambda targets: list(parse_targets(targets)))),
]
Profiles = Annotated[
    list[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_.-]{0,62}$")]],
    Field(max_length=PROFILES_MAX, description="names of profiles; an empty list: every profile"),
]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=NAME_CHARACTERS_MAX,
        pattern="^[^\\u0000-\\u001f\\u007f]*$",
    ),
]
Group = Annotated[
    str,
    Field(
        pattern=GROUP_PATTERN,
        description="the group of the rule; a policy sets the mode of a group",
        json_schema_extra={"not": {"const": NO_GROUP}},
    ),
    AfterValidator(_checked(parse_group)),
]
ExpiresAt = Annotated[
    str,
    AfterValidator(_checked(lambda text: (utc_ms(text), text)[1])),
    WithJsonSchema(SENT_TIME),
]


class RuleRequest(Strict):
    """A rule to add. Without ``expires_at`` it has no end."""

    pattern: Pattern
    action: Action
    severity: Severity = "medium"
    name: Name | None = None
    group: Group | None = None
    targets: Targets = Field(default=["any"])
    profiles: Profiles = Field(default=[])
    enabled: bool = True
    expires_at: ExpiresAt | None = None


class PatchRequest(Strict):
    """The fields of a rule to change, at least one; ``group`` null: the rule is in no group any
    more.

    The pattern can't be changed: add another rule.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "properties": {
                    **{name: {"type": "null"} for name in ("action", "enabled")},
                    "group": {"not": {}},
                }
            }
        }
    )

    action: Action | None = None
    enabled: bool | None = None
    group: Group | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.values():
            text = "changes nothing: give {limit}"
            raise PydanticCustomError("no_change", text, {"limit": "action, enabled or group"})
        return self

    def values(self) -> dict[str, Any]:
        """The columns to change, with their values."""
        found: dict[str, Any] = {} if self.action is None else {"action": self.action}
        if self.enabled is not None:
            found["enabled"] = int(self.enabled)
        if "group" in self.model_fields_set:
            found["group_name"] = self.group
        return found
