"""``http_framing``: what becomes of requests that servers read differently."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Stage
from dataplane.policy.reasons import ReasonsRule, reasons_of_stage
from dataplane.policy.rules.http.http_slow import HttpSlowRule


class HttpFramingRule(ReasonsRule):
    """An action for all reasons about how a request is written, or for those it names."""

    REASONS: ClassVar[tuple[Reason, ...]] = tuple(
        reason
        for reason in reasons_of_stage(Stage.HTTP)
        if reason.name.startswith("HTTP_") and reason not in HttpSlowRule.REASONS
    )

    type: Literal["http_framing"]
