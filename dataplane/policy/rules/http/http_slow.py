"""``http_slow``: the action for connections that hold a request or a response open."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule


class HttpSlowRule(ReasonsRule):
    """The action for clients that are slower than ``http`` of the profile permits."""

    REASONS: ClassVar[tuple[Reason, ...]] = (
        Reason.HTTP_SLOW_HEAD,
        Reason.HTTP_SLOW_BODY,
        Reason.HTTP_SLOW_READ,
    )

    type: Literal["http_slow"]
