"""``sanity``: the action for malformed packets."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Stage
from dataplane.policy.reasons import ReasonsRule, reasons_of_stage


class SanityRule(ReasonsRule):
    """The action for all reasons of the sanity stage, or for the named ones."""

    REASONS: ClassVar[tuple[Reason, ...]] = reasons_of_stage(Stage.SANITY)

    type: Literal["sanity"]
