"""``rate_limit``: the maximum of packets, bits, new connections or requests per second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Unit
from dataplane.policy.limit import BITS_MAX, BITS_MIN, NO_PREFIX, PACKETS_MAX, LimitRule, Per
from dataplane.policy.rule import mistake

PATH_FORM = (
    f"as servers read it: begins with /, at most {abi.REQUEST_PATH} bytes, decoded (no %), without "
    "? and #, control characters, // and the segments . and .."
)

_CHARACTER, _NO_DOT = r"[^%?#/\x00-\x1f\x7f]", r"[^%?#/.\x00-\x1f\x7f]"
_SEGMENT = rf"((\.?{_NO_DOT}){_CHARACTER}*|\.\.{_CHARACTER}+)"
_PATH = {
    "anyOf": [
        {
            "type": "string",
            "maxLength": abi.REQUEST_PATH,
            "pattern": f"^(/{_SEGMENT})*/{_SEGMENT}?$",
            "description": PATH_FORM,
        },
        {"type": "null"},
    ]
}
_NOT_IN_PATH = frozenset("%?#\x7f") | frozenset(map(chr, range(ord(" "))))


class RateLimitRule(LimitRule):
    """Packets, bits, new connections or requests per second, of each source, prefix or destination,
    or of all together."""

    REASONS: ClassVar[tuple[Reason, ...]] = (
        *(Reason[f"RATE_{per.name}_{unit.name}"] for per in Per for unit in Unit),
        Reason.RATE_PATH_REQUESTS,
    )

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                NO_PREFIX,
                {
                    "if": {"required": ["unit"], "properties": {"unit": {"const": "bits"}}},
                    "then": {"properties": {"value": {"minimum": BITS_MIN, "maximum": BITS_MAX}}},
                    "else": {"properties": {"value": {"maximum": PACKETS_MAX}}},
                },
                {
                    "if": {"required": ["unit"], "properties": {"unit": {"const": "requests"}}},
                    "else": {"properties": {"path": {"type": "null"}}},
                },
            ]
        }
    )

    type: Literal["rate_limit"]
    unit: Literal["packets", "bits", "connections", "requests"] = "packets"
    path: Annotated[
        str | None,
        Field(default=None, min_length=1, exclude_if=lambda value: value is None),
        WithJsonSchema(_PATH),
    ]
    """For requests: only those whose path begins with this path."""

    @property
    def counted(self) -> Unit:
        """See `LimitRule`."""
        return Unit[self.unit.upper()]

    @property
    def kind(self) -> str:
        """See `Rule`."""
        of_path = "" if self.path is None else f" for {self.path}"
        return f"rate_limit per {self.per} in {self.unit}{of_path}"

    @property
    def reasons_set(self) -> tuple[Reason, ...]:
        """See `Rule`."""
        if self.path is not None:
            return (Reason.RATE_PATH_REQUESTS,)
        return (Reason[f"RATE_{self.per.name}_{self.unit.upper()}"],)

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        yield from super().check(path)
        if self.path is None:
            return
        if self.counted is not Unit.REQUESTS:
            yield mistake(f"{path}.path", self.path, "only with unit requests")
        if not is_canonical(self.path):
            yield mistake(f"{path}.path", self.path, PATH_FORM)

    def fill(self, profile: abi.Profile, lcores: int) -> None:
        """See `Rule`."""
        if self.counted is not Unit.REQUESTS:
            super().fill(profile, lcores)
            return
        http = profile.http
        limit = http.request_limit[http.request_limit_count]
        self.fill_limit(limit.limit, lcores)
        path = (self.path or "").encode()
        limit.path_size = len(path)
        limit.path[: len(path)] = list(path)
        http.request_limit_count += 1

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        name, text = super().setting()
        if self.path is None:
            return name, text
        return f"{name} per {self.per} for {self.path}", text


def is_canonical(path: str) -> bool:
    """Whether a path is in the form that the packet path compares."""
    segments = path.split("/")[1:]
    return (
        path.startswith("/")
        and len(path.encode()) <= abi.REQUEST_PATH
        and not _NOT_IN_PATH & set(path)
        and "" not in segments[:-1]
        and not {".", ".."} & set(segments)
    )
