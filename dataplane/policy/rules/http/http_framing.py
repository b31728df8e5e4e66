"""``http_framing``: the action for requests that servers read differently."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Stage
from dataplane.policy.reasons import ReasonsRule, reasons_of_stage
from dataplane.policy.rules.http.http_slow import HttpSlowRule


class HttpFramingRule(ReasonsRule):
    """The action for all reasons about the framing of a request, or for the named ones."""

    REASONS: ClassVar[tuple[Reason, ...]] = tuple(
        reason
        for reason in reasons_of_stage(Stage.HTTP)
        if reason.name.startswith("HTTP_") and reason not in HttpSlowRule.REASONS
    )

    type: Literal["http_framing"]
