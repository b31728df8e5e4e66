"""``sanity``: what becomes of malformed packets."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Stage
from dataplane.policy.reasons import ReasonsRule, reasons_of_stage


class SanityRule(ReasonsRule):
    """An action for all reasons of the sanity stage, or for those it names."""

    REASONS: ClassVar[tuple[Reason, ...]] = reasons_of_stage(Stage.SANITY)

    type: Literal["sanity"]
